import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from dataprep.core.errors import DarkroomError, SourceError
from pipelines.cli import app


def labels(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["labels", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "SOURCE must be a folder of images; 'nowhere' does not exist. Correct the path"),
        (["raw", "--pattern", "{lable}/{name}"], "--pattern has an unknown field {lable} in '{lable}/{name}'. Did you mean"),
        (["raw", "--pattern", "regex:("], "--pattern must be a regular expression after 'regex:'; got 'regex:('"),
    ],
)
def test_a_mistake_on_the_command_line_is_not_blamed_on_params(
    arguments: list[str], words: str, make_tree: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tree(classes=2, images=2).rename(tmp_path / "raw")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DarkroomError) as refused:
        labels(*arguments)
    assert str(refused.value).startswith(words)


def test_labels_proposes_a_pattern_and_counts(make_tree: Callable[..., Path]) -> None:
    source = make_tree(classes=3, images=12)
    (source / "stray.txt").touch()
    output = labels(str(source))
    assert "36 of 36 files match the proposed pattern" in output
    assert "1 more have no image's ending (1 .txt), for example 'stray.txt'; ingest skips those whose content is no" in output
    assert all(name in output for name in ("class0", "class1", "class2"))
    pasted = YAML(typ="safe").load(output[output.index("ingest:") :])
    assert pasted == {"ingest": {"source": str(source), "pattern": "{label}/{name}"}}


def test_a_regular_expression_can_be_pasted_as_it_is_printed(make_tree: Callable[..., Path]) -> None:
    pattern = r"regex:(?P<label>class\d)/(?P<name>[^'/]+)"
    output = labels(str(make_tree(classes=2, images=3)), "--pattern", pattern)
    assert YAML(typ="safe").load(output[output.index("ingest:") :])["ingest"]["pattern"] == pattern


def test_labels_refuses_a_pattern_that_matches_nothing(make_tree: Callable[..., Path]) -> None:
    with pytest.raises(SourceError, match=r"it matches none of 6, for example 'class0/00.png', 'class0/01.png'. Leave"):
        labels(str(make_tree(classes=2, images=3)), "--pattern", "{group}/{label}/{name}")


def test_labels_names_folders_that_are_unknown_or_empty(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=12)
    (tmp_path / "elsewhere").mkdir()
    (source / "owl").symlink_to(tmp_path / "elsewhere")
    (source / "wren").mkdir()
    output = labels(str(source))
    assert "24 of 24 files match" in output
    assert (
        "warning: ingest will stop, since it is not known what these folders hold: 'owl' (class 'owl') is a link, and links "
        "are not followed\nwarning: there are empty folders of 1 class: 'wren'\n"
    ) in output


def test_labels_of_links_alone_says_so(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        (tmp_path / "raw").mkdir(exist_ok=True)
        (tmp_path / "raw" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceError, match=r"'cat' \(class 'cat'\) is a link"):
        labels(str(tmp_path / "raw"))


def test_labels_reads_no_pixels(make_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_tree(classes=2, images=12)

    def refuse(*_: object) -> object:
        raise AssertionError("a file was opened")

    monkeypatch.setattr("PIL.Image.open", refuse)
    monkeypatch.setattr("dataprep.source.raw_folder.read_file", refuse)
    assert "24 of 24 files match" in labels(str(source), "--pattern", "{label}/{name}")


def test_labels_of_nothing_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        labels(str(tmp_path / "nowhere"))


def test_labels_reads_names_as_ingest_does(tmp_path: Path) -> None:
    for name in (b"a/\xff.png", b"b/\n.png", b"\xfe/1.png"):
        path = tmp_path / "raw" / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    output = labels(str(tmp_path / "raw"), "--pattern", "{label}/{name}.png")
    assert "3 of 3 files match the given pattern" in output
    assert "\\xfe" in output
