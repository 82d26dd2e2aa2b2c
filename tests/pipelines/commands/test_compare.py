"""`darkroom compare` on two folders."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from dataprep.core.artifacts import write_table
from dataprep.core.errors import ArtifactError
from dataprep.store.split_table import SPLIT
from models.evaluate.predictions import PREDICTIONS
from models.report.pictures import Pictures
from pipelines.cli import app
from tests.closure import ROOT
from tests.models.made_up import answers


def write_run(folder: Path, mistakes: int, misread: slice) -> None:
    """A run of 40 images in each split. In validation it reads the first of class a wrongly, and some of class b."""
    true = ["a"] * 20 + ["b"] * 20
    wrong = ["b"] * mistakes + true[mistakes:]
    wrong[misread] = ["a"] * 3
    predicted = {"validation": wrong}
    rows = pl.concat([answers(true, predicted.get(split, true), split) for split in ("test", "train", "validation")]).sort("id")
    (folder / "data").mkdir(parents=True)
    (folder / "artifacts").mkdir()
    write_table(folder / "data/split.parquet", rows.select("id", "split", "cluster", rule=pl.lit("dealt")), SPLIT)
    write_table(folder / "artifacts/predictions.parquet", rows.drop("cluster"), PREDICTIONS)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    write_run(Path("old"), mistakes=12, misread=slice(20, 23))
    write_run(Path("new"), mistakes=2, misread=slice(23, 26))


def compare(*arguments: str) -> list[str]:
    ended = CliRunner().invoke(app, ["compare", *arguments], catch_exceptions=False)
    assert ended.exit_code == 0
    return ended.output.splitlines()


def test_two_folders_are_compared_in_lines_and_on_a_page() -> None:
    same = (
        "1.0000 -> 1.0000, +0.0 points (-6.6 to +6.6); 40 images, 0 from right to wrong, 0 from wrong to right; McNemar p = 1"
    )
    assert compare("old", "new", "--out", "pages/own.html") == [
        f"train: {same}",
        "validation: 0.6250 -> 0.8750, +25.0 points (+5.4 to +42.3); 40 images, 3 from right to wrong, 13 from wrong to right; "
        "McNemar p = 0.0213",
        f"test: {same}",
        "moved: class 'a', recall 0.4000 -> 0.9000, p = 0.00391 corrected for 2 slices",
        "compare: new is better than old on 40 validation images that both have: +25.0 points (+5.4 to +42.3).",
        "page: pages/own.html",
    ]
    assert "new is better than old" in Path("pages/own.html").read_text()


def test_the_second_run_is_this_folder_unless_it_is_named() -> None:
    write_run(Path(), mistakes=12, misread=slice(20, 23))
    output = compare("new")
    assert (
        "compare: this folder is worse than new on 40 validation images that both have: -25.0 points (-42.3 to -5.4)." in output
    )
    assert Path("reports/compare.html").is_file()
    assert "compare: No difference is certain on 40 test images that both have: +0.0 points (-6.6 to +6.6)." in compare(
        "new", "--split", "test"
    )


def test_a_run_that_cannot_be_read_is_named() -> None:
    shutil.copy("new/data/split.parquet", "old/artifacts/predictions.parquet")
    with pytest.raises(
        ArtifactError, match=r"^old: its artifacts/predictions.parquet and data/split.parquet cannot be compared \("
    ):
        CliRunner().invoke(app, ["compare", "old", "new"], catch_exceptions=False)
    Path("old/artifacts/predictions.parquet").unlink()
    with pytest.raises(ArtifactError, match=r"^old: artifacts/predictions.parquet must be in that folder or in DVC's cache"):
        CliRunner().invoke(app, ["compare", "old", "new"], catch_exceptions=False)


def test_images_have_pictures_of_the_first_folder_that_prepared_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("old", "new"):
        Path(folder, "data/prepared").mkdir()

    def read(prepared: Path, tiles: set[str], **_: object) -> Pictures:
        if prepared.parts[0] == "new":
            raise ArtifactError("it must hold the images")
        return Pictures({}, dict.fromkeys(tiles, "data:image/png;base64,AAAA"), {}, (1, 1))

    monkeypatch.setattr("models.report.pictures.read_pictures", read)
    compare("old", "new")
    assert Path("reports/compare.html").read_text().count('<img src="data:image/png;base64,AAAA"') == 16
    Path("old/data/prepared").rmdir()
    compare("old", "new")
    assert "<img" not in Path("reports/compare.html").read_text()
