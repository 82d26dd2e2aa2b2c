"""The line over a folder that has a URL."""

from collections.abc import Callable

from tests.conftest import striped, write_png
from tests.end_to_end.conftest import Project

OUTPUTS = ("manifest.parquet", "split.parquet", "statistics.json")


def made(project: Project) -> dict[str, bytes]:
    paths = [*(project.root / "data" / name for name in OUTPUTS), *(project.root / "data/prepared").iterdir()]
    return {path.name: path.read_bytes() for path in paths}


def test_shards_at_an_unknown_kind_of_place_are_one_line(make_project: Callable[[], Project]) -> None:
    command = ("--prepared", "darkroomtest://bucket/prepared", "--statistics", "data/statistics.json")
    ended = make_project().run("python", "-m", "pipelines.stages.statistics", *command)
    assert ended.exit_code == 2
    assert ended.output.startswith(
        "error: dvc.yaml: 'darkroomtest://bucket/prepared' must be a path or a URL that fsspec can open"
    )
    assert ended.output.count("\n") == 1


def test_a_source_with_a_url_gives_the_same_bytes_and_is_read_once(make_ran_project: Callable[[], Project]) -> None:
    project = make_ran_project()
    here = made(project)
    url = f"file://{project.root}/raw/tiny"
    project.set({"ingest.source": url, "execute.workers": 2})
    first = project.repro("statistics")
    assert first.ran() == ["ingest", "prepare"]  # what came out is the same, so nothing below runs
    assert "60 files (60 read, 0 known)" in first.output
    assert made(project) == here
    again = project.repro("statistics")
    assert again.ran() == ["ingest"]
    assert "60 files (0 read, 60 known)" in again.output
    write_png(project.root / "raw/tiny/class0/new.png", striped(0, 77))
    assert "61 files (1 read, 60 known)" in project.repro("ingest").output
    options = ("--prepared", f"file://{project.root}/data/prepared", "--statistics", "data/elsewhere.json")
    assert project.run("python", "-m", "pipelines.stages.statistics", *options).exit_code == 0
    assert (project.root / "data/elsewhere.json").read_bytes() == (project.root / "data/statistics.json").read_bytes()
    labels = project.run("darkroom", "labels", url)
    assert labels.exit_code == 0
    assert f"source: {url}" in labels.output
