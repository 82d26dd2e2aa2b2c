"""When a watcher starts a run: after a change, and not before it is quiet."""

from pathlib import Path

import pytest

from dataprep.core.errors import DarkroomError
from pipelines.schedule.source_watch import Watch, look, state_of_source
from tests.closure import SHIPPED
from tests.conftest import random_image, write_png


def started(quiet_seconds: float, states: list[tuple[float, str]]) -> list[float]:
    """The times at which runs start, for states of the source at some times."""
    watch, found = Watch(quiet_seconds), []
    for now, state in states:
        watch, is_due = look(watch, state, now)
        if is_due:
            found.append(now)
    return found


def test_a_run_starts_when_a_change_is_over() -> None:
    assert started(30, [(0, "a"), (30, "a"), (40, "b"), (60, "c"), (89, "c"), (90, "c"), (200, "c")]) == [30, 90]


def test_a_source_that_never_rests_starts_none() -> None:
    assert started(10, [(now, str(now)) for now in range(0, 100, 5)]) == []


def test_a_change_that_is_taken_back_starts_none() -> None:
    assert started(10, [(0, "a"), (10, "a"), (20, "b"), (25, "a"), (60, "a")]) == [10]


def test_without_a_quiet_time_each_change_starts_one() -> None:
    assert started(0, [(0, "a"), (1, "b"), (2, "b"), (3, "c")]) == [0, 1, 3]


def test_the_state_changes_with_files_and_with_what_they_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = SHIPPED.read_text()
    Path("params.yaml").write_text(text.replace("source: embedded:digits", "source: raw/mine"))
    Path("dvc.yaml").write_text("stages: {ingest: {cmd: python --embedded raw --manifest a, outs: [a]}}")
    with pytest.raises(DarkroomError):
        state_of_source()
    write_png(Path("raw/mine/a/1.png"), random_image(1))
    states = [state_of_source(), state_of_source()]
    write_png(Path("raw/mine/a/2.png"), random_image(2))
    states.append(state_of_source())
    write_png(Path("raw/mine/a/2.png"), random_image(3))
    states.append(state_of_source())
    Path("raw/mine/a/1.png").unlink()
    states.append(state_of_source())
    assert states[0] == states[1]
    assert len(set(states)) == 4
