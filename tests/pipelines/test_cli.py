from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dataprep.errors import SourceError
from pipelines.cli import app


def labels(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["labels", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_labels_proposes_a_pattern_and_counts(make_tree: Callable[..., Path]) -> None:
    source = make_tree(classes=3, images=12)
    (source / "stray.txt").touch()
    output = labels(str(source))
    assert "pattern '{label}/{name}' (proposed): 36 of 37 files match" in output
    assert "do not match: 'stray.txt'" in output
    assert all(name in output for name in ("class0", "class1", "class2"))


def test_labels_reads_no_pixels(make_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_tree(classes=2, images=12)

    def refuse(*_: object) -> object:
        raise AssertionError("a file was opened")

    monkeypatch.setattr("PIL.Image.open", refuse)
    monkeypatch.setattr("dataprep.source.read_file", refuse)
    assert "24 of 24 files match" in labels(str(source), "--pattern", "{label}/{name}")


def test_labels_of_nothing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        labels(str(tmp_path / "nowhere"))
