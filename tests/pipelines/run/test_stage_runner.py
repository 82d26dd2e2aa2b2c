"""The bar of a stage that works."""

import time

import pytest

from pipelines.run.stage_runner import track


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where someone looks."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")


def test_chunks_that_come_in_a_burst_have_no_rate_of_millions(capsys: pytest.CaptureFixture[str]) -> None:
    list(track(range(100), title="ingest", total=10_000, count=lambda _: 64))
    shown = capsys.readouterr().err
    assert "ingest" in shown
    assert "/s" not in shown


def test_the_rate_is_of_what_was_done_since_the_first_reading(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.run.stage_runner._SECONDS", 0.05)
    for _ in track(range(12), title="ingest", total=120, count=lambda _: 10):
        time.sleep(0.06)
    shown = capsys.readouterr().err
    rates = [int(word.removesuffix("/s")) for word in shown.split() if word.endswith("/s")]
    assert rates
    assert max(rates) <= 10 / 0.06


def test_of_nothing_no_bar_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track([], title="ingest", total=0, count=len)) == []
    assert capsys.readouterr().err == ""


def test_a_log_gets_a_line_now_and_then_and_no_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR")
    clock = iter([0.0, *[float(second) for second in range(10, 1000, 10) for _ in range(2)]])
    monkeypatch.setattr("pipelines.run.stage_runner.time.monotonic", lambda: next(clock, 1e9))
    list(track(range(4), title="ingest", total=400, count=lambda _: 100))
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert all(line.startswith("ingest: ") and " of 400, " in line and line.endswith(" left") for line in lines)
    assert len(lines) < 4


def test_what_is_done_within_half_a_minute_is_no_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR")
    list(track(range(50), title="ingest", total=50, count=lambda _: 1))
    assert capsys.readouterr().err == ""
