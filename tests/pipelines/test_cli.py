import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from PIL import Image
from ruamel.yaml import YAML
from typer.testing import CliRunner

from dataprep.core.artifacts import encode_document, write_files
from dataprep.core.errors import ArtifactError, DarkroomError, ParamsError, SourceError
from dataprep.store.manifest import write_manifest
from dataprep.store.shards import read_index
from models.diagnose.metrics import measure
from models.diagnose.verdict import diagnose
from pipelines.cli import _age as age
from pipelines.cli import app
from pipelines.lock import LockError, only_run
from pipelines.manifest_summary import print_summary
from pipelines.params import Params, read_params
from tests.closure import ROOT
from tests.conftest import random_image, write_png
from tests.dataprep.ingest.ingesting import run
from tests.dataprep.prepare.test_packing import dealt, prepare
from tests.models.made_up import answers


def labels(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["labels", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_labels_proposes_a_pattern_and_counts(make_tree: Callable[..., Path]) -> None:
    source = make_tree(classes=3, images=12)
    (source / "stray.txt").touch()
    output = labels(str(source))
    assert "36 of 36 files match the proposed pattern" in output
    assert "1 more have no image's ending (1 .txt), for example 'stray.txt'; ingest skips those whose content is no" in output
    assert all(name in output for name in ("class0", "class1", "class2"))
    pasted = YAML(typ="safe", pure=True).load(output[output.index("ingest:") :])
    assert pasted == {"ingest": {"source": str(source), "pattern": "{label}/{name}"}}


def test_a_regular_expression_can_be_pasted_as_it_is_printed(make_tree: Callable[..., Path]) -> None:
    pattern = r"regex:(?P<label>class\d)/(?P<name>[^'/]+)"
    output = labels(str(make_tree(classes=2, images=3)), "--pattern", pattern)
    assert YAML(typ="safe", pure=True).load(output[output.index("ingest:") :])["ingest"]["pattern"] == pattern


def test_labels_refuses_a_pattern_that_matches_nothing(make_tree: Callable[..., Path]) -> None:
    with pytest.raises(SourceError, match=r"it matches none of 6, for example 'class0/00.png', 'class0/01.png'. Leave"):
        labels(str(make_tree(classes=2, images=3)), "--pattern", "{group}/{label}/{name}")


def test_files_prints_what_moves_a_cursor_as_text(
    make_tree: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = run(make_tree(classes=2, images=4)).with_columns(message=pl.lit("moves\x1b[2J\tand\nbreaks"))
    write_manifest(tmp_path / "manifest.parquet", rows)
    monkeypatch.setattr("pipelines.cli.output_path", lambda *_: tmp_path / "manifest.parquet")
    output = CliRunner().invoke(app, ["files", "--status", "ok"], catch_exceptions=False).output.splitlines()
    assert output[0] == "class0/00.png\tok\tmoves\\x1b[2J\\tand\\nbreaks"
    assert len(output) == 9


def test_files_lists_what_is_asked_for(make_tree: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_tree(classes=2, images=4)
    (source / "class0/empty.png").touch()
    (source / ".hidden").touch()
    write_png(source / "class1/large.png", random_image(0, (90, 90, 1)))
    write_manifest(tmp_path / "manifest.parquet", run(source))
    monkeypatch.setattr("pipelines.cli.output_path", lambda *_: tmp_path / "manifest.parquet")

    def files(*arguments: str) -> list[str]:
        return CliRunner().invoke(app, ["files", *arguments], catch_exceptions=False).output.splitlines()

    empty = "class0/empty.png\tquarantined: empty\tthe file has 0 bytes"
    assert files() == [".hidden\tskipped: skipped\tits name is in ingest.skip", empty, "2 of 11 files"]
    assert files("--status", "quarantined") == [empty, "1 of 11 files"]
    assert files("--reason", "link") == ["0 of 11 files"]
    assert files("--issue", "odd_pixel_count")[0].startswith("class1/large.png\tok\t")
    assert files("--near-duplicates") == ["0 of 11 files"]


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


@pytest.mark.parametrize("command", [["recipes"], ["recipe", "mnist-cnn"]])
def test_recipes_outside_a_project_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=r"^recipes/ must be in the current folder; it is not\. Run from the project's root$"):
        CliRunner().invoke(app, command, catch_exceptions=False)


def test_show_beside_the_first_run_says_who_is_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError, match=r"^reports/metrics.json is missing\. Run: dvc repro diagnose$"):
        CliRunner().invoke(app, ["show"], catch_exceptions=False)
    with (
        only_run(),
        pytest.raises(LockError, match=r"^there are no scores to show yet: process \d+ on .* works in this folder"),
    ):
        CliRunner().invoke(app, ["show"], catch_exceptions=False)


def test_show_between_two_stages_names_dvc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    held = {"write": {"data": {"pid": os.getpid(), "cmd": "dvc repro"}}, "read": {}}
    (tmp_path / ".dvc/tmp/rwlock").write_text(json.dumps(held))
    monkeypatch.setattr("pipelines.at_work.is_alive", lambda _: True)
    with pytest.raises(LockError, match=rf"^there are no scores to show yet: process {os.getpid()} works in .* \(dvc repro\)"):
        CliRunner().invoke(app, ["show"], catch_exceptions=False)
    (tmp_path / ".dvc/tmp/rwlock").write_text("{torn")
    with pytest.raises(ArtifactError, match="is missing"):
        CliRunner().invoke(app, ["show"], catch_exceptions=False)


def test_figures_beside_a_run_are_said_to_be_of_an_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def busy() -> list[str]:
        raise LockError("DVC cannot look at the graph now: another DVC command works in this folder. Wait until it ends")

    monkeypatch.setattr("pipelines.cli.out_of_date", busy)
    assert age("process 7 works in this folder") == "process 7 works in this folder"
    assert age(None) == "DVC cannot look at the graph now: another DVC command works in this folder. Wait until it ends"
    monkeypatch.setattr("pipelines.cli.out_of_date", lambda: ["train"])
    assert age(None) == "out of date: train. Run: dvc repro"
    monkeypatch.setattr("pipelines.cli.out_of_date", list)
    assert age(None) is None


def test_files_lists_exact_copies_together(
    make_tree: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_tree(classes=2, images=4)
    shutil.copy(source / "class0/03.png", source / "class0/copy.png")
    shutil.copy(source / "class1/01.png", source / "class1/copy.png")
    with Image.open(source / "class0/03.png") as image:
        image.save(source / "class0/again.bmp")  # the same pixels in other bytes
    write_manifest(tmp_path / "manifest.parquet", run(source))
    monkeypatch.setattr("pipelines.cli.output_path", lambda *_: tmp_path / "manifest.parquet")
    output = CliRunner().invoke(app, ["files", "--duplicates"], catch_exceptions=False).output.splitlines()
    assert output == [
        "class0/03.png\tok\tsame picture as class0/03.png",
        "class0/again.bmp\tok\tsame picture as class0/03.png",
        "class0/copy.png\tok\tsame picture as class0/03.png",
        "class1/01.png\tok\tsame picture as class1/01.png",
        "class1/copy.png\tok\tsame picture as class1/01.png",
        "5 of 11 files",
    ]


def test_ingest_counts_exact_copies(
    make_tree: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    source = make_tree(classes=2, images=4)
    for number in range(3):
        shutil.copy(source / "class0/03.png", source / f"class0/copy{number}.png")
    print_summary(run(source), num_read=11, num_known=0)
    printed = capsys.readouterr().out
    assert re.search(r"used, but copy of another file +│ +3 +│ class0/copy0.png: same picture as", printed)
    assert "2 classes, 3 exact copies, 0 clusters of near duplicates" in printed


def test_show_says_what_is_independent_and_what_no_look_reaches(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = ["a", "b", "b"] * 40
    pictures = [f"picture{number % 2}" for number in range(120)]
    parts = [answers(true, true, "train"), *(answers(true, true, split, pictures) for split in ("validation", "test"))]
    metrics = measure(pl.concat(parts))
    write_files(
        {
            tmp_path / "metrics.json": encode_document(metrics),
            tmp_path / "diagnosis.json": encode_document(diagnose(metrics, params.diagnose, None)),
        }
    )
    monkeypatch.setattr("pipelines.cli.output_path", lambda _, name: tmp_path / name)
    monkeypatch.setattr("pipelines.cli.out_of_date", list)
    output = CliRunner().invoke(app, ["show"], catch_exceptions=False).output
    assert "120 test images, 2 independent (groups and copies go together)" in output
    assert "train images" not in output
    assert "answering 'b' for every image: train 0.6667 / validation 0.6667 / test 0.6667" in output
    assert "Cannot tell: validation is at 100.0% (95% interval 34.2% to 100.0%)" in output
    assert "0.3424 - 1.0000" in output


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


@pytest.fixture
def ingested(make_tree: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project after ingest: the project's own parameters on two striped classes."""
    source = make_tree(classes=2, images=5)
    project = tmp_path / "project"
    project.mkdir()
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, project / name)
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


def test_preview_draws_train_images_under_what_is_on_or_the_whole_menu(ingested: Path) -> None:
    source = Path(read_params().ingest.source)
    prepare(dealt(source), Path("data/prepared"), source)
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
