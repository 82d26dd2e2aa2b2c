"""The bar of a stage that works."""

import time

import pytest

from pipelines.stage_command import track


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
    monkeypatch.setattr("pipelines.stage_command._SECONDS", 0.05)
    for _ in track(range(12), title="ingest", total=120, count=lambda _: 10):
        time.sleep(0.06)
    shown = capsys.readouterr().err
    rates = [int(word.removesuffix("/s")) for word in shown.split() if word.endswith("/s")]
    assert rates
    assert max(rates) <= 10 / 0.06


def test_of_nothing_no_bar_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track([], title="ingest", total=0, count=len)) == []
    assert capsys.readouterr().err == ""
