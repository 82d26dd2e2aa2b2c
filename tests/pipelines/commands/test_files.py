import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from PIL import Image
from typer.testing import CliRunner

from dataprep.core.errors import DarkroomError
from dataprep.ingest.corrections import NO_CORRECTIONS
from dataprep.store.manifest import write_manifest
from pipelines.cli import app
from tests.closure import SHIPPED
from tests.conftest import random_image, striped, write_png
from tests.dataprep.ingest.ingesting import run


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(SHIPPED, tmp_path)
    monkeypatch.chdir(tmp_path)


def test_files_prints_what_moves_a_cursor_as_text(
    make_tree: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = run(make_tree(classes=2, images=4)).with_columns(message=pl.lit("moves\x1b[2J\tand\nbreaks"))
    write_manifest(tmp_path / "manifest.parquet", rows)
    monkeypatch.setattr("pipelines.workspace.dvc_graph.output_path", lambda *_: tmp_path / "manifest.parquet")
    output = CliRunner().invoke(app, ["files", "--status", "ok"], catch_exceptions=False).output.splitlines()
    assert output[0] == "class0/00.png\tok\tmoves\\x1b[2J\\tand\\nbreaks"
    assert len(output) == 9


def test_files_lists_what_is_asked_for(make_tree: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_tree(classes=2, images=4)
    (source / "class0/empty.png").touch()
    (source / ".hidden").touch()
    write_png(source / "class1/large.png", random_image(0, (90, 90, 1)))
    write_manifest(tmp_path / "manifest.parquet", run(source))
    monkeypatch.setattr("pipelines.workspace.dvc_graph.output_path", lambda *_: tmp_path / "manifest.parquet")

    def files(*arguments: str) -> list[str]:
        return CliRunner().invoke(app, ["files", *arguments], catch_exceptions=False).output.splitlines()

    empty = "class0/empty.png\tquarantined: empty\tthe file has 0 bytes"
    assert files() == [".hidden\tskipped: skipped\tits name is in ingest.skip", empty, "2 of 11 files"]
    assert files("--status", "quarantined") == [empty, "1 of 11 files"]
    assert files("--reason", "link") == ["0 of 11 files"]
    assert files("--issue", "odd_pixel_count")[0].startswith("class1/large.png\tok\t")
    assert files("--issue", "doubtful_bytes") == ["0 of 11 files"]
    assert files("--near-duplicates") == ["0 of 11 files"]


def test_files_lists_what_a_person_corrected(
    make_tree: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = pl.DataFrame(
        [
            ("class0/00.png", "wrong_label", "class1"),
            ("class0/01.png", "exclude", None),
            ("class0/02.png", "fine", None),
            ("x.png", "wrong_label", "class1"),
        ],
        schema=NO_CORRECTIONS.schema,
        orient="row",
    )
    source = make_tree(classes=2, images=4)
    write_png(source / "x.png", striped(0, 999))
    write_manifest(tmp_path / "manifest.parquet", run(source, corrections=decided))
    monkeypatch.setattr("pipelines.workspace.dvc_graph.output_path", lambda *_: tmp_path / "manifest.parquet")
    output = CliRunner().invoke(app, ["files", "--corrections"], catch_exceptions=False).output.splitlines()
    assert output == [
        "class0/00.png\tok\tlabel class1, corrected from class0",
        "class0/01.png\tquarantined: excluded\texcluded by a person, in ingest.corrections",
        "class0/02.png\tok\tfound fine by a person",
        "x.png\tok\tlabel class1, corrected from none",
        "4 of 9 files",
    ]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--status", "bogus"], "--status must be one of ok, quarantined, skipped; got 'bogus'. Correct it"),
        (["--status", "OK"], "--status must be one of ok, quarantined, skipped; got 'OK'. Did you mean ok?"),
        (["--reason", "undecodeable"], "got 'undecodeable'. Did you mean undecodable?"),
        (["--issue", "blurry"], "got 'blurry'. Did you mean blurred?"),
        (["--issue", ""], "--issue must be one of dark, "),
    ],
)
def test_files_refuses_what_no_file_can_have(arguments: list[str], line: str) -> None:
    with pytest.raises(DarkroomError) as error:
        CliRunner().invoke(app, ["files", *arguments], catch_exceptions=False)
    assert line in str(error.value)


def test_files_lists_exact_copies_together(
    make_tree: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_tree(classes=2, images=4)
    shutil.copy(source / "class0/03.png", source / "class0/copy.png")
    shutil.copy(source / "class1/01.png", source / "class1/copy.png")
    with Image.open(source / "class0/03.png") as image:
        image.save(source / "class0/again.bmp")  # the same pixels in other bytes
    write_manifest(tmp_path / "manifest.parquet", run(source))
    monkeypatch.setattr("pipelines.workspace.dvc_graph.output_path", lambda *_: tmp_path / "manifest.parquet")
    output = CliRunner().invoke(app, ["files", "--duplicates"], catch_exceptions=False).output.splitlines()
    assert output == [
        "class0/03.png\tok\tfirst of its copies",
        "class0/again.bmp\tok\tsame picture as class0/03.png",
        "class0/copy.png\tok\tsame picture as class0/03.png",
        "class1/01.png\tok\tfirst of its copies",
        "class1/copy.png\tok\tsame picture as class1/01.png",
        "5 of 11 files",
    ]
