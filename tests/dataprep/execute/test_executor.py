import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from dataprep.config.execute import ExecuteConfig
from dataprep.core.errors import ExecuteError, SourceError
from dataprep.execute import dask_backend
from dataprep.execute.executor import _Bundle, _run_bundle, end_kept, run_guarded, run_tasks
from dataprep.execute.worker import Work
from tests.closure import ROOT
from tests.conftest import local
from tests.dataprep.execute.jobs import (
    ERRORS,
    die_of_five,
    die_once,
    doze,
    dwell_while_writing,
    fail,
    fail_among_others,
    kill_once,
    let_go_of_something_deaf,
    negative,
    negative_square,
    one_by_one,
    one_task,
    square,
    threads,
    work,
    work_slowly,
)


def dask(workers: int = 2, address: str | None = None) -> ExecuteConfig:
    return ExecuteConfig(backend="dask", workers=workers, address=address)


def start(arguments: list[str], folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Starts a part of Dask from a folder that is not the project's."""
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdout=log,
            stderr=log,
        )


def start_scheduler(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    scheduler = start(["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"], folder)
    for _ in range(600):
        for line in (folder / "log").read_text().splitlines():
            if "Scheduler at:" in line:
                return scheduler, line.split()[-1]
        time.sleep(0.05)
    raise AssertionError((folder / "log").read_text())


_REGISTERED = "Registered to:"


def start_worker(address: str, folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    options = ["--nthreads", "1", "--no-dashboard", "--local-directory", str(folder)]
    before = (folder / "log").read_text().count(_REGISTERED)
    worker = start(["distributed.cli.dask_worker", address, *options], folder, **environment)
    for _ in range(1200):  # a client waits for eight seconds, and a machine that does other work may take longer
        if (folder / "log").read_text().count(_REGISTERED) > before or worker.poll() is not None:
            break
        time.sleep(0.05)
    return worker


def end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()  # a worker that ends in peace waits for its scheduler for seconds
        process.wait()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler and two workers, each a process of its own."""
    folder = tmp_path_factory.mktemp("cluster")
    scheduler, found = start_scheduler(folder)
    workers = [start_worker(found, folder) for _ in range(2)]
    yield found
    end([scheduler, *workers])


def children() -> set[int]:
    """Processes that this one started; not the one by which Python's own multiprocessing keeps its books until the end."""
    found = set()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            if not any("resource_tracker" in word for word in child.cmdline()):
                found.add(child.pid)
    return found


@pytest.fixture(params=["local 2", "dask 2", "address"])
def config(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ExecuteConfig]:
    """Workers of each kind; afterwards nothing is left of them but what stood before."""
    kind, _, workers = request.param.partition(" ")
    found = {
        "local": lambda: local(int(workers)),
        "dask": lambda: dask(int(workers)),
        "address": lambda: dask(0, request.getfixturevalue("address")),
    }[kind]()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # pytest's own, and another one afterwards
    before = children(), dict(os.environ), set(Path.cwd().iterdir())
    yield found
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    assert (children(), dict(os.environ), set(Path.cwd().iterdir())) == before
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("config", ["local 2", "local 4", "dask 2", "dask 4", "address"], indirect=True)
def test_results_come_in_the_order_of_the_tasks_from_several_processes(config: ExecuteConfig) -> None:
    results = list(run_tasks(square, range(100), config))
    assert [result for result, _ in results] == [number * number for number in range(100)]
    assert os.getpid() not in {process for _, process in results}


def test_dask_starts_one_worker_for_one_worker_and_none_for_no_task() -> None:
    assert len({process for _, process in run_tasks(square, range(9), dask(1))} - {os.getpid()}) == 1
    assert list(run_tasks(square, [], dask(1, "tcp://127.0.0.1:1"))) == []


def test_one_worker_or_one_task_stays_in_this_process() -> None:
    assert {process for _, process in run_tasks(square, range(4), local(1))} == {os.getpid()}
    assert {process for _, process in run_tasks(square, [7], local(2))} == {os.getpid()}


def test_a_worker_that_is_killed_costs_time_and_nothing_else(
    config: ExecuteConfig, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert list(run_tasks(die_once, [(tmp_path, number) for number in range(40)], config)) == [n * n for n in range(40)]
    assert capfd.readouterr() == ("", "")


class LosingFuture:
    """A future of Dask whose worker died just after its result was fetched: it is computed again, and then fetched again."""

    def __init__(self, *statuses: str) -> None:
        self._statuses = list(statuses)

    @property
    def status(self) -> str:
        return self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]

    async def _result(self, *, raiseit: bool) -> int:
        assert not raiseit
        return 49


@pytest.mark.parametrize("lost", [["lost", "finished"], ["pending", "lost", "finished"], ["finished"]])
def test_a_result_whose_worker_died_after_it_was_fetched_is_waited_for_again(lost: list[str]) -> None:
    at_once = SimpleNamespace(add_callback=lambda hand_on: asyncio.run(hand_on()))
    handed_out = dask_backend._PatientExecutor(SimpleNamespace(loop=at_once), pure=False)._wrap_future(LosingFuture(*lost))
    assert handed_out.result(timeout=1) == 49


def test_a_task_that_kills_its_workers_is_named_in_one_line(config: ExecuteConfig, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ExecuteError) as error:
        list(run_tasks(die_of_five, range(12), config))
    how = "SIGKILL" if config.backend == "local" else "4 times"
    assert str(error.value) == (
        f"5: its worker dies each time ({how}), most likely of too little memory. "
        "Lower execute.workers, prepare.images_per_shard or ingest.limits.memory_mib"
    )
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("config", ["local 1", "local 2", "address"], indirect=True)
def test_an_error_in_a_task_is_the_caller_s_error(config: ExecuteConfig) -> None:
    for number, expected in enumerate(ERRORS):
        results = run_tasks(fail, range(10 * number, 10 * number + 10), config)
        assert [next(results) for _ in range(3)] == list(range(10 * number, 10 * number + 3))
        with pytest.raises(type(expected)) as error:
            next(results)
        assert type(error.value) is type(expected)
        assert str(error.value) == str(expected)
        if isinstance(expected, OSError) and isinstance(error.value, OSError):
            assert (error.value.errno, error.value.filename) == (expected.errno, expected.filename)


@pytest.mark.parametrize("config", ["local 2", "dask 2"], indirect=True)
def test_an_error_ends_the_rest_soon(config: ExecuteConfig, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()
    start = time.monotonic()
    with pytest.raises(SourceError, match="task 3"):
        list(run_tasks(fail_among_others, [(begun, number) for number in range(200)], config))
    assert time.monotonic() - start < 15
    assert len(list(begun.iterdir())) < 20
    assert capfd.readouterr() == ("", "")


def test_a_task_that_is_interrupted_leaves_no_half_written_file(tmp_path: Path) -> None:
    results = run_tasks(dwell_while_writing, [(tmp_path, 1), (tmp_path, 0)], local(2))
    with pytest.raises(SourceError):
        next(results)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_uses_one_thread(config: ExecuteConfig, tmp_path: Path) -> None:
    found = list(run_tasks(threads, [(tmp_path, number) for number in range(20)], config))
    assert found == [(1, {"1"})] * 20


def test_workers_of_this_machine_never_load_dask() -> None:
    script = (
        "import sys, dataprep.prepare.packing; "
        "from dataprep.config.execute import ExecuteConfig; from dataprep.execute.executor import run_tasks;"
        "print(list(run_tasks(abs, [-1, -2], ExecuteConfig(backend='local', workers=2, address=None))),"
        "{'distributed', 'dask', 'tensorflow'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout == "[1, 2] set()\n"


RUN = """
import os, signal, sys, time
from pathlib import Path
from dataprep.config.execute import ExecuteConfig
from dataprep.execute.executor import run_tasks
from tests.dataprep.execute.jobs import dwell

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell runs in the background ignores it
    config = ExecuteConfig(backend=sys.argv[1], workers=2, address=None)
    list(run_tasks(dwell, [Path(sys.argv[2])] * 8, config))
"""


def alive(number: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{number}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(
    ("backend", "number", "to_group"),
    [
        ("local", signal.SIGKILL, False),
        ("local", signal.SIGTERM, False),
        ("local", signal.SIGINT, True),
        ("dask", signal.SIGKILL, False),
        ("dask", signal.SIGINT, True),
    ],
)
def test_workers_do_not_outlive_the_run(backend: str, number: signal.Signals, to_group: bool, tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(RUN)
    begun = tmp_path / "begun"
    begun.mkdir()
    run = subprocess.Popen(
        [sys.executable, str(tmp_path / "run.py"), backend, str(begun)],
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(list(begun.iterdir())) < 2:
        assert run.poll() is None, run.communicate()
        time.sleep(0.05)
    (os.killpg if to_group else os.kill)(run.pid, number)
    _, messages = run.communicate(timeout=20)
    assert messages.count("Traceback") == (1 if number == signal.SIGINT else 0), messages
    workers = [int(path.name) for path in begun.iterdir()]
    deadline = time.monotonic() + 10
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))


def test_an_address_where_nobody_answers_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dask_backend, "SECONDS_TO_CONNECT", 1.0)
    with pytest.raises(
        ExecuteError, match=r"^execute.address: nobody answers at tcp://127.0.0.1:1. Start a scheduler there, or"
    ):
        list(run_tasks(square, [1], dask(0, "tcp://127.0.0.1:1")))
    assert capfd.readouterr() == ("", "")


def test_an_address_that_wants_certificates_is_one_line() -> None:
    with pytest.raises(ExecuteError, match=r"^execute.address: tls://127.0.0.1:1 cannot be used \(.*\)\. Name"):
        list(run_tasks(square, [1], dask(0, "tls://127.0.0.1:1")))


def test_workers_that_are_missing_or_lack_the_code_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    scheduler, address = start_scheduler(tmp_path)
    processes = [scheduler]
    try:
        with monkeypatch.context() as patch:
            patch.setattr(dask_backend, "SECONDS_TO_CONNECT", 1.0)
            with pytest.raises(
                ExecuteError, match=r"has no workers. Start some: dask worker tcp://127.0.0.1:\d+ --nthreads 1$"
            ):
                list(run_tasks(square, [1], dask(0, address)))
        (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['dataprep'] = None")
        processes.append(start_worker(address, tmp_path, PYTHONPATH=str(tmp_path)))
        with pytest.raises(ExecuteError, match=r"^execute.address: the workers cannot import dataprep"):
            list(run_tasks(square, [1], dask(0, address)))
    finally:
        end(processes)
    assert capfd.readouterr() == ("", "")


def test_a_worker_with_other_software_is_one_line(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_backend, "_software", lambda: {"Python": "3.99.0"})
    with pytest.raises(ExecuteError, match=r"^execute.address: a worker on .* has Python 3\..*; expected 3.99.0, as where"):
        list(run_tasks(square, [1], dask(0, address)))


def test_a_scheduler_that_goes_away_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    scheduler, address = start_scheduler(tmp_path)
    processes = [scheduler, start_worker(address, tmp_path)]
    try:
        results = run_tasks(doze, [0.0, 60.0], dask(0, address))
        assert next(results) == 0.0
        scheduler.kill()
        with pytest.raises(ExecuteError, match=r"^execute.address: the scheduler is gone"):
            next(results)
    finally:
        end(processes)
    assert capfd.readouterr() == ("", "")


def guarded(numbers: list[int], config: ExecuteConfig, size: int = 8) -> list[int]:
    chunks = [numbers[start : start + size] for start in range(0, len(numbers), size)]
    results = run_guarded(work, chunks, config, memory_mib=256, divide=one_by_one, give_up=negative)
    return [number for result in results for number in result]


@pytest.mark.parametrize("config", ["local 1", "local 2", "dask 2", "address"], indirect=True)
def test_a_worker_that_dies_costs_the_file_that_crashed_it(config: ExecuteConfig, capfd: pytest.CaptureFixture[str]) -> None:
    numbers = [number for number in range(100) if number != 50]
    expected = [-number if number in (13, 14, 77) else number * number for number in numbers]
    for _ in range(2):  # workers of Dask keep their processes
        assert guarded(numbers, config, size=3) == expected
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("config", ["local 1", "dask 1"], indirect=True)
def test_memory_beyond_the_limit_costs_the_file_that_asks_for_it(config: ExecuteConfig) -> None:
    assert guarded([49, 50, 51], config) == [49 * 49, -50, 51 * 51]
    assert len(bytearray(2**31)) == 2**31


def test_a_dask_worker_keeps_its_guarded_process_until_there_is_other_work() -> None:
    def process(memory_mib: int) -> int:
        (_, found), *_ = _run_bundle(_Bundle(Work(square, memory_mib), [1, 2], one_task, negative_square))
        return found

    first, second, third = process(256), process(256), process(512)
    assert first == second != third
    assert {first, third} & children() == {third}
    end_kept()
    assert third not in children()


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_tasks_behind_one_that_crashes_its_worker_are_not_blamed(workers: int) -> None:
    results = run_guarded(
        work_slowly,
        [list(range(start, start + 3)) for start in range(0, 36, 3)],
        local(workers),
        memory_mib=256,
        divide=lambda chunk: [[number] for number in chunk],
        give_up=lambda chunk: [-number for number in chunk],
    )
    assert [number for result in results for number in result] == [
        -number if number in (9, 29) else number for number in range(36)
    ]


def test_a_task_that_crashed_a_worker_once_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    results = run_guarded(
        kill_once,
        [[str(tmp_path / "mine")]],
        local(1),
        memory_mib=256,
        divide=lambda chunk: [[name] for name in chunk],
        give_up=lambda _: ["given up"],
    )
    assert list(results) == [[str(tmp_path / "mine")]]


def test_a_hard_limit_of_memory_is_kept_and_no_worker_lost() -> None:
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (30 * 2**30, 30 * 2**30));"
        "from tests.dataprep.execute.test_executor import guarded, local; print(sum(guarded(list(range(9)), local(1))))"
    )
    # A user who may not raise hard limits, as most may not.
    command = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource", sys.executable, "-c", script]
    assert int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) == sum(n * n for n in range(9))


def test_a_worker_that_must_end_in_a_destructor_ends_at_once_and_prints_nothing(tmp_path: Path) -> None:
    ours, theirs = Pipe()
    command = [sys.executable, "-c", f"from dataprep.execute.worker import serve; serve({theirs.fileno()})"]
    with subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], stderr=subprocess.PIPE) as worker:
        theirs.close()
        ours.send(Work(let_go_of_something_deaf, None))
        ours.send(tmp_path / "started")
        while not (tmp_path / "started").exists() and worker.poll() is None:
            time.sleep(0.01)
        ours.close()
        assert (worker.communicate(timeout=30)[1], worker.returncode) == (b"", 0)
