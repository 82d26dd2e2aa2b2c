import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipelines.workspace.lock import LockError, in_turn, only_run, who_works
from tests.closure import ROOT, SHIPPED
from tests.stage_command import stage_command

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}

HOLDER = """
import sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from pipelines.workspace.lock import only_run

if __name__ == "__main__":
    with only_run(Path(sys.argv[1])), ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        worker = executor.submit(time.sleep, 0)
        worker.result()
        print(*executor._processes, flush=True)
        executor.submit(time.sleep, 60).result()
"""


def test_the_second_run_names_who_holds_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    monkeypatch.setattr(sys, "argv", ["a-program", "--its", "arguments"])
    lock = tmp_path / "new" / "lock"
    with only_run(lock) as locked:
        assert locked
        with pytest.raises(LockError) as error, only_run(lock):
            pass
    message = str(error.value)
    assert message.startswith(
        f"one run at a time: process {os.getpid()} on {socket.gethostname()} works in this folder since 20"
    )
    assert message.endswith(f"Wait until it ends, or end it there: kill {os.getpid()}")
    assert "(a-program)" in message
    assert "\n" not in message
    with only_run(lock) as locked:
        assert locked


def test_a_lock_without_content_still_holds(tmp_path: Path) -> None:
    with only_run(tmp_path / "lock"):
        os.truncate(tmp_path / "lock", 0)  # as between taking it and writing into it, or on a full disk
        with (
            pytest.raises(LockError, match=r"another process works in this folder.* Wait until it ends"),
            only_run(tmp_path / "lock"),
        ):
            pass


def test_a_killed_run_frees_the_lock_though_its_workers_live_on(tmp_path: Path) -> None:
    script = tmp_path / "holder.py"
    script.write_text(HOLDER)
    with subprocess.Popen(
        [sys.executable, script, tmp_path / "lock"], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as holder:
        assert holder.stdout is not None
        worker = int(holder.stdout.readline())
        with pytest.raises(LockError, match=f"process {holder.pid} on .*holder.py"), only_run(tmp_path / "lock"):
            pass
        holder.kill()
        holder.wait()
        try:
            os.kill(worker, 0)  # lives
            with only_run(tmp_path / "lock") as locked:
                assert locked
        finally:
            os.kill(worker, signal.SIGKILL)


def test_where_there_are_no_locks_a_stage_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = OSError()

    def refuse(*_: object) -> None:
        raise refusal

    monkeypatch.setattr("fcntl.flock", refuse)
    for number in (errno.ENOLCK, errno.EOPNOTSUPP):
        refusal = OSError(number, os.strerror(number))
        with only_run(tmp_path / "lock") as locked:
            assert not locked
    refusal = OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(OSError, match="Input/output"), only_run(tmp_path / "lock"):
        pass


def split(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        stage_command("split"),
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_stage_beside_another_ends_with_one_line_and_touches_nothing(tmp_path: Path) -> None:
    stray = tmp_path / "data/.split.parquet.0123456789abcdef.tmp"
    stray.parent.mkdir()
    stray.touch()
    (tmp_path / "params.yaml").write_text(SHIPPED.read_text())
    with only_run(tmp_path / ".darkroom/lock"):
        ended = split(tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"error: one run at a time: process {os.getpid()} on ")
    assert ended.stderr.count("\n") == 1
    assert stray.exists()


def test_a_stage_removes_what_killed_runs_left_of_its_outputs_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    strays = {".split.parquet.0123456789abcdef.tmp", ".split.json.4711.tmp"}
    others = {".manifest.parquet.0123456789abcdef.tmp", "split.parquet.01.tmp", ".split.parquet.mine.tmp", ".notes"}
    for name in strays | others:
        (tmp_path / "data" / name).touch()
    (tmp_path / "params.yaml").write_text(SHIPPED.read_text())
    assert "manifest.parquet is missing. Run: dvc repro ingest" in split(tmp_path).stderr
    assert {path.name for path in (tmp_path / "data").iterdir()} == others


def test_who_works_is_asked_without_taking_the_lock_away(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert who_works(lock) is None  # no file
    with only_run(lock):
        assert str(who_works(lock)).startswith(f"process {os.getpid()} on {socket.gethostname()} works in this folder since 20")
    assert who_works(lock) is None
    for pid in (4194305, os.getpid()):  # a killed process, and one of today with the number of a killed one
        lock.write_text(json.dumps({"pid": pid, "host": socket.gethostname(), "since": "then", "command": "killed"}))
        assert who_works(lock) is None


def test_the_next_one_waits_for_its_turn_and_says_once_for_whom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.workspace.lock._SECONDS_BETWEEN_TRIES", 0.01)
    said: list[str] = []
    order: list[str] = []

    def second() -> None:
        with in_turn(tmp_path / "lock", said.append):
            order.append("second")

    with in_turn(tmp_path / "lock", said.append):
        thread = threading.Thread(target=second)
        thread.start()
        while not said:
            time.sleep(0.01)
        time.sleep(0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert len(said) == 1
    assert re.match(rf"waits for its turn: process {os.getpid()} on .* works in this folder since ", said[0])
