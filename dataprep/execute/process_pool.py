"""A process pool that reports which task crashed a worker, and loses nothing else.

Each worker has a queue of its own, of at most two tasks, so the first task in it is the one that a dead worker was at:

    tasks [1 2] [3 4] [5 6], two workers; 4 crashes its worker
    A: [1 2], [5 6]   B: [3 4]              tasks go to the worker with the shortest queue
    B ends                                  the first task in its queue, [3 4], is to blame; tasks behind it go back
    [3 4] is divided into [3] and [4]       a new worker does [3]; [4] crashes it
    [4] cannot be divided and has crashed two workers: `give_up([4])` is its result, and all other results are there

The processes are programs of their own. They are not forked, since polars and OpenBLAS hold threads, and such a fork can hang.
Nor does `multiprocessing` start them: its spawn imports the main program again in each, and cannot set their variables.
"""

import collections
import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Generic, TypeAlias, TypeVar

from dataprep.execute.worker import SECONDS_TO_END, Done, Failed, Work, serve

T = TypeVar("T")
R = TypeVar("R")

# Libraries start a thread for each core when they are imported: n processes on n cores would have n^2 threads.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "POLARS_MAX_THREADS"), "1"
)

_TASKS_PER_WORKER = 2  # one under way and one that waits, so that no worker is idle
_RESULTS_PER_WORKER = 4  # that the caller has not taken yet


@dataclass(slots=True, eq=False)
class _Job(Generic[T, R]):
    """A task or a part of one, and its outcome."""

    task: T
    failures: int = 0  # how often it, or the task that it is a part of, crashed a worker
    is_sent: bool = False
    outcome: Done[R] | Failed | None = None


@dataclass(slots=True, eq=False)
class _Worker(Generic[T, R]):
    """A process, this end of its connection, and the jobs that were sent to it and are not done, in that order."""

    process: subprocess.Popen[bytes]
    connection: Connection
    queue: collections.deque[_Job[T, R]] = field(default_factory=collections.deque)

    def send(self, job: _Job[T, R]) -> bool:
        try:
            self.connection.send(job.task)
        except OSError:  # it died, which `_receive` notices
            return False
        job.is_sent = True
        self.queue.append(job)
        return True


Pool: TypeAlias = list[_Worker[T, R] | None]
"""Workers of one work; None where none was started, or one died."""


def run_in_pool(
    work: Work[T, R],
    tasks: Iterable[T],
    *,
    num_workers: int,
    divide: Callable[[T], Sequence[T]],
    give_up: Callable[[T, str], R],
    kept: "Pool[T, R] | None" = None,
) -> Iterator[R]:
    """Runs tasks in worker processes; workers may die.

    Args:
        work: the function of a module and the limit of memory.
        tasks: what to do; they and the results are pickled. They are taken as they are needed.
        num_workers: processes.
        divide: makes smaller tasks of one that crashed its worker; a task that cannot be divided is returned alone.
        give_up: makes the result of a task that cannot be divided and crashed two workers, or raises; its second
            argument says how the worker ended.
        kept: workers of the same work that an earlier call started, as many as `num_workers`; they stay for the next one
            unless something is raised. They end with this process at the latest.

    Yields:
        Results in the order of the tasks; those of a divided task one by one. The first error in that order is raised when
        its turn comes, and no task is begun once one has failed.
    """
    waiting = iter(tasks)
    jobs: collections.deque[_Job[T, R]] = collections.deque()
    pool: Pool[T, R] = [None] * num_workers if kept is None else kept
    is_done = False
    try:
        while True:
            if not any(isinstance(job.outcome, Failed) for job in jobs):
                free = _RESULTS_PER_WORKER * num_workers - len(jobs)
                jobs.extend(_Job(task) for task in itertools.islice(waiting, max(free, 0)))
            if not jobs:
                is_done = True
                return
            _send_jobs(jobs, pool, work)
            _receive(jobs, pool, divide, give_up)
            while jobs and (outcome := jobs[0].outcome) is not None:
                jobs.popleft()
                if isinstance(outcome, Failed):
                    raise outcome.error
                yield outcome.result
    finally:
        if kept is None or not is_done:
            close_pool(pool)
            pool[:] = [None] * num_workers


def _send_jobs(jobs: collections.deque[_Job[T, R]], pool: Pool[T, R], work: Work[T, R]) -> None:
    """Sends each job that is not sent yet to the worker with the shortest queue; none behind one that failed."""
    for job in itertools.takewhile(lambda job: not isinstance(job.outcome, Failed), jobs):
        if job.is_sent:
            continue
        number = min(range(len(pool)), key=lambda number: _queue_length(pool[number]))
        if _queue_length(pool[number]) >= _TASKS_PER_WORKER:
            return
        worker = pool[number]
        if worker is not None and not worker.send(job) and worker.queue:
            return  # it died: what it has done is read first
        if not job.is_sent:
            if worker is not None:
                close_pool([worker])
            pool[number] = _start_worker(work, job)


def _queue_length(worker: _Worker[T, R] | None) -> int:
    return 0 if worker is None else len(worker.queue)


def _start_worker(work: Work[T, R], first: _Job[T, R]) -> _Worker[T, R]:
    process, connection = start_process(work)
    worker: _Worker[T, R] = _Worker(process, connection, collections.deque([first]))
    first.is_sent = True
    with contextlib.suppress(OSError):  # it died at once, which `_receive` notices
        connection.send(first.task)
    return worker


def start_process(work: Work[T, R]) -> tuple[subprocess.Popen[bytes], Connection]:
    """Starts a worker and sends it its work; tasks are sent over the connection, one after another.

    Returns:
        The process, and this end of the connection, which must be closed to end it.
    """
    ours, theirs = Pipe()
    command = f"from {serve.__module__} import serve; serve({theirs.fileno()})"
    environment = {**os.environ, **ONE_THREAD, "PYTHONUTF8": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    # With -P a worker imports what this process imports, and nothing of the current folder that this process does not.
    # Ctrl-C reaches all processes of a terminal. Workers ignore it from their first moment on, and end when this process does.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-P", "-c", command], env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        theirs.close()
    with contextlib.suppress(OSError):  # it died at once, which whoever waits for its results notices
        ours.send(work)
    return process, ours


def _receive(
    jobs: collections.deque[_Job[T, R]],
    pool: Pool[T, R],
    divide: Callable[[T], Sequence[T]],
    give_up: Callable[[T, str], R],
) -> None:
    """Waits until a worker has a result or is dead, and takes the results that are there."""
    busy: Mapping[object, int] = {
        worker.connection: number for number, worker in enumerate(pool) if worker is not None and worker.queue
    }
    for connection in wait([worker.connection for worker in pool if worker is not None and worker.queue]):
        number = busy[connection]
        worker = pool[number]
        if worker is None:
            continue
        try:
            outcome = worker.connection.recv()
        except (EOFError, OSError):
            pool[number] = None
            close_pool([worker])
            _send_back(jobs, worker, divide, give_up)
            continue
        if isinstance(outcome, Failed) and isinstance(outcome.error, MemoryError):
            _divide_or_give_up(jobs, worker.queue.popleft(), "MemoryError", divide, give_up)
        else:
            worker.queue.popleft().outcome = outcome


def _send_back(
    jobs: collections.deque[_Job[T, R]],
    worker: _Worker[T, R],
    divide: Callable[[T], Sequence[T]],
    give_up: Callable[[T, str], R],
) -> None:
    """Makes the jobs of a dead worker free for others; the first of them is the one that crashed it."""
    crashed, *others = worker.queue
    for job in others:
        job.is_sent = False
    code = worker.process.returncode
    _divide_or_give_up(jobs, crashed, signal.Signals(-code).name if code < 0 else f"exit code {code}", divide, give_up)


def _divide_or_give_up(
    jobs: collections.deque[_Job[T, R]],
    crashed: _Job[T, R],
    how: str,
    divide: Callable[[T], Sequence[T]],
    give_up: Callable[[T, str], R],
) -> None:
    parts = divide(crashed.task)
    if len(parts) > 1 or not crashed.failures:
        place = jobs.index(crashed)
        del jobs[place]
        for part in reversed(parts):
            jobs.insert(place, _Job(part, crashed.failures + 1))
        return
    try:
        crashed.outcome = Done(give_up(crashed.task, how))
    except Exception as error:  # noqa: BLE001  # raised when its turn comes
        crashed.outcome = Failed(error)


def close_pool(pool: Sequence[_Worker[T, R] | None]) -> None:
    """Ends workers: they remove unfinished files, and one that takes too long is killed."""
    workers = [worker for worker in pool if worker is not None]
    for worker in workers:
        worker.connection.close()
    deadline = time.monotonic() + SECONDS_TO_END
    for worker in workers:
        try:
            worker.process.wait(max(deadline - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
