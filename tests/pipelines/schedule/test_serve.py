"""What serves the flow, without a server: the watcher's loop, the schedule, the port."""

from collections.abc import Iterator

import pytest

from dataprep.core.errors import ParamsError, SourceError
from pipelines.schedule import serve
from pipelines.schedule.source_watch import Watch


def watched(monkeypatch: pytest.MonkeyPatch, states: list[str | Exception], started: list[Exception | None]) -> list[str]:
    """Lets a watcher see these states; each start takes one of `started`, and fails with it if it is an error.

    Returns:
        What it said.
    """
    left: Iterator[str | Exception] = iter(states)
    said: list[str] = []

    def state() -> str:
        found = next(left, None)
        if found is None:
            raise KeyboardInterrupt
        if isinstance(found, Exception):
            raise found
        return found

    def start() -> None:
        if error := started.pop(0):
            raise error

    monkeypatch.setattr(serve, "state_of_source", state)
    with pytest.raises(KeyboardInterrupt):
        serve.watch_source(Watch(0), 1, start_run=start, say=said.append, wait=lambda _: None)
    return said


def test_a_watcher_goes_on_after_errors_and_says_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = SourceError("the disk is not mounted")
    starts: list[Exception | None] = [None, None]
    assert watched(monkeypatch, ["a", gone, gone, "a", "b"], starts) == [
        "watch: SourceError: the disk is not mounted; it is tried again"
    ]
    assert starts == []


def test_a_run_that_could_not_be_started_is_started_later(monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[Exception | None] = [ConnectionError("refused"), None]
    assert len(watched(monkeypatch, ["a", "a", "a"], starts)) == 1
    assert starts == []


def test_a_large_source_is_looked_at_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 6.0])
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        raise KeyboardInterrupt

    monkeypatch.setattr(serve, "state_of_source", lambda: "a")
    monkeypatch.setattr("pipelines.schedule.serve.time.monotonic", lambda: next(clock))
    with pytest.raises(KeyboardInterrupt):
        serve.watch_source(Watch(1), 10, start_run=lambda: None, say=lambda _: None, wait=wait)
    assert waits == [60.0]


def test_what_is_no_cron_is_one_line() -> None:
    serve.check_cron("0 2 * * *")
    with pytest.raises(ParamsError, match=r"^--cron must have five fields .*; got 'at night'\. Correct it"):
        serve.check_cron("at night")
