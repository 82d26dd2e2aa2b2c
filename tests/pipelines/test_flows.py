"""The flow under a temporary Prefect server, with DVC played by a function: its words are those of DVC 3."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prefect.testing.utilities import prefect_test_harness

from dataprep.errors import DarkroomError
from pipelines import flows
from pipelines.flows import outcome_of, reason_of
from pipelines.graph import Finished

RAN = "Running stage 'train':\n> python -m pipelines.stages.train\ntrain: 9 images\nUpdating lock file 'dvc.lock'\n"
CACHED = "Stage 'train' is cached - skipping run, checking out outputs\nUpdating lock file 'dvc.lock'\n"
UNCHANGED = "Stage 'train' didn't change, skipping\nData and pipelines are up to date.\n"
FAILED = "Running stage 'split':\nerror: class 'b' has 2 images\nERROR: failed to reproduce 'split': exited with 2\n"


@pytest.mark.parametrize(("output", "outcome"), [(RAN, "ran"), (CACHED, "cached"), (UNCHANGED, "unchanged")])
def test_the_outcome_is_read_from_dvc_s_words(output: str, outcome: str) -> None:
    assert outcome_of(output) == outcome


def test_the_reason_is_the_stage_s_own_line() -> None:
    assert reason_of(FAILED) == "class 'b' has 2 images"
    assert reason_of("a line\n") == "a line"


def test_a_reason_of_several_lines_is_told_whole() -> None:
    busy = """Stage 'split' didn't change, skipping
ERROR: failed to reproduce 'prepare': '/p/data/prepared' is busy, it is being blocked by:
  (PID 1590): /bin/dvc repro

If there are no processes with such PIDs, you can manually remove '/p/.dvc/tmp/rwlock' and try again.
"""
    assert reason_of(busy) == (
        "failed to reproduce 'prepare': '/p/data/prepared' is busy, it is being blocked by: (PID 1590): /bin/dvc repro "
        "If there are no processes with such PIDs, you can manually remove '/p/.dvc/tmp/rwlock' and try again."
    )


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Finished]], list[str]]:
    """Replaces DVC; returns the list of stages that are then asked for."""

    def replace(results: dict[str, Finished]) -> list[str]:
        asked: list[str] = []

        def dvc(*arguments: str, on_line: Callable[[str], None]) -> Finished:
            assert arguments[:2] == ("repro", "--single-item")
            asked.append(arguments[2])
            on_line("a line of output")
            return results[arguments[2]]

        monkeypatch.setattr(flows, "dvc", dvc)
        monkeypatch.setattr(flows, "stage_order", lambda: list(results))
        monkeypatch.setattr(flows, "publish", lambda: asked.append("publish"))
        return asked

    return replace


@pytest.mark.usefixtures("server")
def test_every_stage_is_a_task_in_order_and_the_outcome_is_told(play: Callable[[dict[str, Finished]], list[str]]) -> None:
    asked = play({"ingest": Finished(0, RAN), "train": Finished(0, CACHED), "diagnose": Finished(0, UNCHANGED)})
    state = flows.rebuild(return_state=True)
    assert asked == ["ingest", "train", "diagnose", "publish"]
    assert state.is_completed()
    assert state.message == "ingest ran, train cached, diagnose unchanged"


@pytest.mark.usefixtures("server")
def test_the_first_failure_stops_the_flow_and_says_why(play: Callable[[dict[str, Finished]], list[str]]) -> None:
    asked = play({"ingest": Finished(0, RAN), "split": Finished(255, FAILED), "prepare": Finished(0, RAN)})
    state = flows.rebuild(return_state=True)
    assert asked == ["ingest", "split"]
    assert state.is_failed()
    assert state.message == "split: class 'b' has 2 images"


def test_outside_a_project_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DarkroomError, match=r"dvc.yaml must be in the current folder; it is not"):
        flows.main()
