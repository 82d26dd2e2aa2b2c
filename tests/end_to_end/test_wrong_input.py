"""Wrong input ends with one line, exit code 2, and nothing lost."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import striped, write_png
from tests.end_to_end.conftest import Project
from tests.stage_command import stage_command


@pytest.fixture(scope="module")
def project(make_ran_project: Callable[[], Project]) -> Project:
    return make_ran_project()


@pytest.fixture(autouse=True)
def all_put_back(project: Project, tmp_path: Path) -> Iterator[None]:
    for name in ("data", ".darkroom"):
        shutil.copytree(project.root / name, tmp_path / name)
    yield
    assert project.run("git", "checkout", "-q", "params.yaml").exit_code == 0
    shutil.rmtree(project.root / "raw/case", ignore_errors=True)
    for name in ("data", ".darkroom"):
        shutil.rmtree(project.root / name)
        shutil.copytree(tmp_path / name, project.root / name)


def empty(raw: Path) -> None:
    raw.mkdir()


def one_class(raw: Path) -> None:
    for number in range(4):
        write_png(raw / f"only/{number}.png", striped(0, number))


def two_images_of_one_class(raw: Path) -> None:
    for label, count in ((0, 9), (1, 9), (2, 2)):
        for number in range(count):
            write_png(raw / f"{label}/{number}.png", striped(label, 10 * label + number))


@pytest.mark.parametrize(
    ("make", "values", "message"),
    [
        (
            None,
            {"ingest.source": "raw/nowhere"},
            "params.yaml: ingest.source must be a folder of images; 'raw/nowhere' does not exist.",
        ),
        (
            None,
            {"ingest.source": "file:///nowhere/raw"},
            "params.yaml: ingest.source must be a folder of images; 'file:///nowhere/raw' does not exist. Correct the URL",
        ),
        (
            None,
            {"ingest.source": "darkroomtest://bucket/raw"},
            "'darkroomtest://bucket/raw' is of a kind that fsspec does not know. Correct the part before ://",
        ),
        (
            None,
            {"ingest.corrections": "nowhere.csv"},
            "params.yaml: ingest.corrections must be a CSV with path, mark, label; '",
        ),
        (empty, {}, "params.yaml: ingest.source must hold images; 'raw/case' is empty."),
        (one_class, {}, "params.yaml: ingest.pattern must find at least 2 classes; got one, 'only', for 4 images"),
        (
            one_class,
            {"ingest.pattern": "{group}/{label}/{name}"},
            "ingest.pattern '{group}/{label}/{name}' must match the paths",
        ),
        (one_class, {"ingest.pattern": "{group}/{name}"}, "params.yaml: ingest.pattern must contain {label}"),
        (None, {"ingest.source": "embedded:mnist"}, "must be a folder, a URL or 'embedded:digits'; got 'embedded:mnist'"),
        (None, {"split.fractions": [0.7, 0.2, 0.2]}, "params.yaml: split.fractions must sum to 1; got 0.7 + 0.2 + 0.2 = 1.1."),
        (
            two_images_of_one_class,
            {"ingest.min_class_images": 1},
            "class '2' must have at least one image for each of train, validation, test; it has 2 images",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_one_line_and_exit_code_2(
    project: Project, make: Callable[[Path], None] | None, values: dict[str, object], message: str
) -> None:
    before = {name: (project.root / f"data/{name}").read_bytes() for name in ("manifest.parquet", "split.parquet")}
    raw = project.root / "raw/case"
    if make is not None:
        make(raw)
    project.set({"ingest.source": "raw/case", **values})
    ended = project.run(*stage_command("ingest"))
    if ended.exit_code == 0:  # ingest is content; split is not
        ended = project.run(*stage_command("split"))
        assert (project.root / "data/split.parquet").read_bytes() == before["split.parquet"]
        (project.root / "data/manifest.parquet").write_bytes(before["manifest.parquet"])
    assert ended.exit_code == 2, ended.output
    errors = [line for line in ended.output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in ended.output
    assert (project.root / "data/manifest.parquet").read_bytes() == before["manifest.parquet"]


@pytest.mark.parametrize("make", [one_class, two_images_of_one_class])
def test_dvc_stops_where_a_stage_does(project: Project, make: Callable[[Path], None]) -> None:
    """The one input is wrong for ingest, the other for split."""
    before = (project.root / "data/manifest.parquet").read_bytes()
    make(project.root / "raw/case")
    project.set({"ingest.source": "raw/case", "ingest.min_class_images": 1})
    assert project.run("dvc", "repro").exit_code != 0
    manifest = (project.root / "data/manifest.parquet").read_bytes()
    assert manifest == before or make is two_images_of_one_class


def test_a_stage_without_its_input_says_which_command_makes_it(project: Project) -> None:
    command = ("--prepared", "data/nowhere", "--statistics", "data/statistics.json")
    ended = project.run("python", "-m", "pipelines.stages.statistics", *command)
    assert ended.exit_code == 2
    assert ended.output == "error: data/nowhere/index.json is missing. Run: dvc repro prepare\n"
