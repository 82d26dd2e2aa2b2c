import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from dataprep.core.errors import ArtifactError, DarkroomError
from dataprep.store.manifest import write_manifest
from dataprep.store.shards import read_index
from pipelines.cli import app
from pipelines.parameters.params import read_params
from tests.closure import ROOT, SHIPPED
from tests.dataprep.ingest.ingesting import run
from tests.dataprep.prepare.test_packing import prepare, split_rows


@pytest.fixture
def ingested(make_tree: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project after ingest: the default parameters on two striped classes."""
    source = make_tree(classes=2, images=5)
    project = tmp_path / "project"
    project.mkdir()
    for path in (ROOT / "dvc.yaml", SHIPPED):
        shutil.copy(path, project)
    params = (project / "params.yaml").read_text().replace("source: embedded:digits", f"source: {source}")
    (project / "params.yaml").write_text(params)
    write_manifest(project / "data/manifest.parquet", run(source))
    monkeypatch.chdir(project)
    return project


def preview_prepare(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["preview", "prepare", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_preview_draws_the_images_and_steps(ingested: Path) -> None:
    assert preview_prepare() == "preview: 6 of 10 images -> reports/preview-prepare.png\n"
    with Image.open(ingested / "reports/preview-prepare.png") as six:
        assert six.format == "PNG"
        assert six.size == (1048, 1576)  # 4 columns, 6 rows
    assert preview_prepare("--images", "99", "--output", "new/all.png").startswith("preview: 10 of 10 images -> new/all.png")
    with Image.open(ingested / "new/all.png") as everything:
        assert everything.height > six.height
    params = (ingested / "params.yaml").read_text()
    (ingested / "params.yaml").write_text(
        params.replace("method: off", "method: otsu").replace("denoise_px: 0", "denoise_px: 3")
    )
    preview_prepare("--output", "more.png")
    with Image.open(ingested / "more.png") as more:
        assert (more.width, more.height) == (six.width + 2 * 208, six.height)


def test_a_manifest_of_another_source_is_one_line(ingested: Path) -> None:
    """In dvc.lock stands the source that ingest ran with."""
    (ingested / "dvc.lock").write_text(
        "stages:\n  ingest:\n    params:\n      params.yaml:\n        ingest:\n          source: raw/earlier\n"
    )
    now = read_params().ingest.source
    line = f"data/manifest.parquet lists the images of 'raw/earlier'; params.yaml names {now!r} now. Run: dvc repro ingest"
    with pytest.raises(DarkroomError) as refused:
        preview_prepare()
    assert str(refused.value) == line
    listed = CliRunner().invoke(app, ["files"], catch_exceptions=False)
    assert listed.output.splitlines()[-1] == f"note: {line}"
    (ingested / "dvc.lock").write_text((ingested / "dvc.lock").read_text().replace("raw/earlier", now))
    preview_prepare()
    assert "note" not in CliRunner().invoke(app, ["files"], catch_exceptions=False).output
    for damaged in ("stages: [", "stages: {ingest: 3}", "\xff"):
        (ingested / "dvc.lock").write_text(damaged, encoding="latin-1")
        preview_prepare()


def test_preview_draws_the_same_for_the_same_seed(ingested: Path) -> None:
    for name, seed in (("one", "1"), ("two", "1"), ("three", "2")):
        preview_prepare("--output", f"{name}.png", "--seed", seed, "--images", "2")
    one, two, three = (Image.open(ingested / f"{name}.png") for name in ("one", "two", "three"))
    assert one.tobytes() == two.tobytes()
    below_the_title = (0, 60, *one.size)
    assert one.crop(below_the_title).tobytes() != three.crop(below_the_title).tobytes()


def test_preview_without_a_manifest_says_what_to_run(ingested: Path) -> None:
    (ingested / "data/manifest.parquet").unlink()
    with pytest.raises(ArtifactError, match=r"^data/manifest.parquet is missing\. Run: dvc repro ingest$"):
        preview_prepare()
    assert not (ingested / "reports").exists()


def test_preview_that_cannot_be_written_is_one_line(ingested: Path) -> None:
    with pytest.raises(
        DarkroomError, match=r"^--output 'params.yaml/sheet.png' cannot be written \(.+\)\. Name another place$"
    ):
        preview_prepare("--output", "params.yaml/sheet.png")


def preview_augment(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["preview", "augment", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_preview_draws_train_images_under_what_is_on_or_all_operations(ingested: Path) -> None:
    source = Path(read_params().ingest.source)
    prepare(split_rows(source), Path("data/prepared"), source)
    num_train = sum(entry.num_images for entry in read_index(Path("data/prepared"), stage="prepare").of_split("train"))
    shown = f"{min(num_train, 6)} of {num_train} train images"
    assert preview_augment() == f"preview: {shown} -> reports/preview-augment.png\n"
    preview_augment("--output", "again.png")
    assert (ingested / "again.png").read_bytes() == (ingested / "reports/preview-augment.png").read_bytes()
    preview_augment("--output", "all.png", "--all")
    with Image.open("again.png") as few, Image.open("all.png") as whole:
        assert few.height <= whole.height  # longer headings
        assert whole.width > 4 * few.width


def test_preview_without_prepared_images_says_what_to_run(ingested: Path) -> None:
    with pytest.raises(ArtifactError, match=r"^data/prepared/index.json is missing\. Run: dvc repro prepare$"):
        preview_augment()
    assert not (ingested / "reports").exists()


def test_preview_of_nothing_is_refused(ingested: Path) -> None:
    for arguments in (["--images", "0"], ["--output", "data"]):
        assert CliRunner().invoke(app, ["preview", "prepare", *arguments]).exit_code == 2
