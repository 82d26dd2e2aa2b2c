"""The ledger of flow runs: who is at work, and who was killed."""

import os
from pathlib import Path

import psutil
import pytest

from dataprep.core.artifacts import write_document
from pipelines.schedule.killed_runs import LEDGER, Entry, ended_runs, enter, entered, runs_alive

HERE = os.uname().nodename


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def entry(name: str, *, pid: int | None = None, began: float | None = None, host: str = HERE, server: str = "") -> Entry:
    own = psutil.Process()
    found = Entry(run=name, server=server, host=host, pid=pid or own.pid, began=own.create_time() if began is None else began)
    LEDGER.mkdir(parents=True, exist_ok=True)
    write_document(LEDGER / f"{name}.json", found)
    return found


def test_a_run_is_entered_while_it_lasts_and_alive() -> None:
    with entered("http://server") as tag:
        assert [path.name for path in LEDGER.iterdir()] == [f"{tag}.json"]
        assert ended_runs("http://server") == []
        assert runs_alive() == {tag}
    assert list(LEDGER.iterdir()) == []


def test_a_run_whose_end_the_server_may_not_have_heard_of_stays_entered() -> None:
    with pytest.raises(ConnectionError), entered("http://server") as tag:
        raise ConnectionError
    enter("one", "http://server")
    assert runs_alive() == {tag, "one"}


def test_a_run_whose_number_was_given_again_is_dead() -> None:
    dead = [entry("gone", pid=2**22 - 3), entry("given again", began=1.0)]
    entry("elsewhere", pid=2**22 - 3, host="another")
    entry("of another server", began=1.0, server="http://other")
    assert sorted(ended_runs(""), key=lambda own: own.run) == sorted(dead, key=lambda own: own.run)


def test_an_entry_that_is_torn_is_removed() -> None:
    entry("one")
    (LEDGER / "torn.json").write_text("{")
    assert ended_runs("") == []
    assert not (LEDGER / "torn.json").exists()
