"""The flow in a project, on one server: published, refused, published again, restored; and a run that is killed."""

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping

import psutil
import pytest
from prefect.client.orchestration import get_client
from prefect.settings import get_current_settings
from prefect.testing.utilities import prefect_test_harness

from tests.conftest import striped, write_png
from tests.end_to_end.conftest import ENVIRONMENT, Ended, Project


@pytest.fixture(scope="module")
def environment() -> Iterator[Mapping[str, str]]:
    """That of a process whose flow runs on one server, with an identity for Git."""
    with prefect_test_harness(server_startup_timeout=120):
        yield {**ENVIRONMENT, "PREFECT_API_URL": str(get_current_settings().api.url)}


def flow(project: Project, environment: Mapping[str, str], *arguments: str) -> Ended:
    return project.run("darkroom", "flow", *arguments, env=environment)


def last_line(ended: Ended) -> str:
    return next(line for line in reversed(ended.output.splitlines()) if line.startswith(("rebuild: ", "error: ")))


def commit(project: Project, values: Mapping[str, object]) -> None:
    project.set(values)
    assert project.run("git", "commit", "-qam", "parameters").exit_code == 0


def model_of(project: Project, folder: str = "artifacts") -> str:
    return hashlib.md5((project.root / folder / "model.keras").read_bytes()).hexdigest()


def test_a_model_is_published_refused_and_restored(
    make_ran_project: Callable[[], Project], environment: Mapping[str, str]
) -> None:
    project = make_ran_project()
    remote = project.root.with_name("remote")
    assert project.run("dvc", "remote", "add", "-q", "-d", "store", str(remote)).exit_code == 0
    commit(project, {"publish.commit": True, "publish.push": True})
    first = flow(project, environment)
    assert first.exit_code == 0, first.output
    assert "evaluate unchanged, diagnose unchanged; version 1 is published, commit " in last_line(first)
    assert project.run("git", "status", "--porcelain").output == ""
    assert len(list(remote.rglob("*"))) > 20
    one = model_of(project)
    assert model_of(project, "published/v1") == one
    assert last_line(flow(project, environment)).endswith("; nothing new since version 1")

    # Inverted images, a model of one epoch, and a limit that it cannot meet.
    for label in range(3):
        for number in range(12):
            write_png(
                project.root / f"raw/tiny/class{label}/inverted{number}.png", 255 - striped(label, 50_000 + 99 * label + number)
            )
    commit(project, {"train.epochs": 1, "gate.min_accuracy": 1.0})
    head = project.run("git", "rev-parse", "HEAD").output
    refused = flow(project, environment)
    assert refused.exit_code == 2
    assert last_line(refused).startswith("error: gate: accuracy on ")
    assert "; at least 1 is asked; " in last_line(refused)
    assert last_line(refused).endswith("; version 1 stays published")
    assert "against the published model" in refused.output
    assert "Drift: 36 new images differ in" in refused.output
    assert project.run("git", "rev-parse", "HEAD").output == head
    assert project.run("git", "tag").output.split() == ["model-v1"]
    assert json.loads(project.read("published/current.json"))["number"] == 1
    assert not (project.root / "versions/0002.json").exists()

    commit(project, {"gate.min_accuracy": 0.0, "gate.not_worse": False})
    second = flow(project, environment)
    assert "train unchanged, evaluate unchanged, diagnose unchanged; drift: 36 new images differ in" in last_line(second)
    assert "; version 2 is published, commit " in last_line(second)
    assert (project.root / "published/v2/model.keras").is_file()
    assert "36 new" in project.run("git", "log", "-1", "--format=%b").output

    listed = project.run("darkroom", "history").output
    assert listed.index("version 2 (") < listed.index("version 1 (")
    restored = project.run("darkroom", "restore", "1")
    assert restored.exit_code == 0, restored.output
    assert model_of(project) == model_of(project, "published/v1") == one
    assert project.run("git", "log", "-1", "--format=%s").output.startswith("Model version 2")

    with get_client(sync_client=True) as client:  # what is left at the server
        keys = {artifact.key for artifact in client.read_artifacts()}
    assert keys == {"metrics", "diagnosis", "data", "report"}


def test_a_watcher_starts_runs_and_only_drift_makes_them_whole(
    make_ran_project: Callable[[], Project], environment: Mapping[str, str]
) -> None:
    project = make_ran_project()
    with subprocess.Popen(
        ["darkroom", "serve", "--drift", "--quiet", "1", "--poll", "1"],
        cwd=project.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:

        def wait_for(words: str) -> str:
            return next(line for line in process.stdout or () if words in line)

        try:
            first = wait_for("Finished in state")  # of the first task
            assert "ingest" in first
            assert "source changed: nothing is published yet: ingest ran" in wait_for("; version 1 is published")
            write_png(project.root / "raw/tiny/class0/usual.png", striped(0, 70_000))
            assert "source changed: ingest ran, split ran, prepare ran; no rebuild: 1 new image looks" in wait_for(
                "; no rebuild: "
            )
            for number in range(12):
                image = 255 - striped(number % 3, 60_000 + number)
                write_png(project.root / f"raw/tiny/class{number % 3}/inverted{number}.png", image)
            assert "drift: 13 new images differ in " in wait_for("A rebuild starts: ")
        finally:
            process.terminate()
            process.communicate()


def test_a_killed_run_is_ended_by_the_next_one_and_the_bytes_are_the_same(
    make_ran_project: Callable[[], Project], environment: Mapping[str, str]
) -> None:
    project = make_ran_project()
    before = model_of(project)
    (project.root / "artifacts/model.keras").unlink()
    with subprocess.Popen(
        ["darkroom", "flow", "--force", "train"], cwd=project.root, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        holder = project.root / ".darkroom/lock"
        while "pipelines.stages.train" not in (holder.read_text() if holder.exists() else ""):
            assert process.poll() is None
            time.sleep(0.05)
        below = psutil.Process(process.pid).children(recursive=True)
        for own in [process.pid, *[child.pid for child in below]]:
            os.kill(own, signal.SIGKILL)
    ended = flow(project, environment, "--no-publish")
    assert ended.exit_code == 0, ended.output
    assert "is now Crashed and no longer Running" in ended.output
    assert model_of(project) == before
    with get_client(sync_client=True) as client:
        running = [run for run in client.read_flow_runs() if run.state_name in ("Running", "Pending")]
    assert running == []


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"split.fractions": [0.5, 0.5, 0.5]}, "params.yaml: split.fractions must sum to 1; got 0.5 + 0.5 + 0.5 = 1.5"),
        (
            {"ingest.source": "raw/none"},
            "ingest: params.yaml: ingest.source must be a folder of images; 'raw/none' does not exist",
        ),
    ],
    ids=["parameters", "a stage"],
)
def test_the_flow_ends_with_one_line_when_parameters_or_a_stage_are_wrong(
    make_ran_project: Callable[[], Project], environment: Mapping[str, str], values: dict[str, object], line: str
) -> None:
    project = make_ran_project()
    project.set(values)
    ended = project.run("python", "-m", "pipelines.flows", env=environment)
    assert ended.exit_code == 2
    assert ended.output.count("Traceback") == 0
    assert f"error: {line}" in ended.output
