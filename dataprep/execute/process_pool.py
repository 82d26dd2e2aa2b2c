"""Worker processes on this machine, each with a lane of its own: it is known which task killed one, and nothing else is lost.

What waits behind a task that killed its worker goes to another worker. The processes are programs of their own, neither
forked (polars and OpenBLAS hold threads, and a fork of these can hang) nor made by `multiprocessing`'s spawn, which imports
the main program again in each and cannot give them other environment variables.
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
from typing import Generic, TypeVar

from dataprep.execute.worker import SECONDS_TO_END, Done, Failed, Work, serve

T = TypeVar("T")
R = TypeVar("R")

# Libraries start a thread for each core when they are imported: as many processes would have the square of the cores.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "POLARS_MAX_THREADS"), "1"
)

_TASKS_IN_A_LANE = 2  # one under way and one that waits for it, so that no worker waits for us
_RESULTS_PER_WORKER = 4  # that nobody has taken yet


@dataclass(slots=True, eq=False)
class _Piece(Generic[T, R]):
    """A task, or a part of one, and what became of it."""

    task: T
    failures: int = 0  # how often it, or the task that it is a part of, killed a worker
    handed_over: bool = False
    outcome: Done[R] | Failed | None = None


@dataclass(slots=True, eq=False)
class _Worker(Generic[T, R]):
    """A process, our end of its connection, and its lane: what was handed to it and is not done, in that order."""

    process: subprocess.Popen[bytes]
    connection: Connection
    lane: collections.deque[_Piece[T, R]] = field(default_factory=collections.deque)

    def hand_over(self, piece: _Piece[T, R]) -> bool:
        try:
            self.connection.send(piece.task)
        except OSError:  # it died; what it had not done is found when the end of its connection is read
            return False
        piece.handed_over = True
        self.lane.append(piece)
        return True


def run_in_lanes(
    work: Work[T, R],
    tasks: Iterable[T],
    *,
    workers: int,
    divide: Callable[[T], Sequence[T]],
    give_up: Callable[[T, str], R],
) -> Iterator[R]:
    """Does tasks in worker processes and outlives the death of these.

    Args:
        work: the function of a module and the limit of memory.
        tasks: what to do; they and the results cross process borders. They are taken as they are needed.
        workers: how many processes.
        divide: makes smaller tasks of one that killed its worker; one that cannot be divided is given back alone.
        give_up: makes the result of a task that cannot be divided and killed its worker twice, or raises; it is told how the
            worker ended.

    Yields:
        Results in the order of the tasks; those of a divided task one by one. The first error in that order is raised when
        its turn comes, and no task is begun once one has failed.
    """
    waiting = iter(tasks)
    line: collections.deque[_Piece[T, R]] = collections.deque()
    crew: list[_Worker[T, R] | None] = [None] * workers
    try:
        while True:
            if not any(isinstance(piece.outcome, Failed) for piece in line):
                free = _RESULTS_PER_WORKER * workers - len(line)
                line.extend(_Piece(task) for task in itertools.islice(waiting, max(free, 0)))
            if not line:
                return
            _hand_over(line, crew, work)
            _collect(line, crew, divide, give_up)
            while line and (outcome := line[0].outcome) is not None:
                line.popleft()
                if isinstance(outcome, Failed):
                    raise outcome.error
                yield outcome.result
    finally:
        _close(crew)


def _hand_over(line: collections.deque[_Piece[T, R]], crew: list[_Worker[T, R] | None], work: Work[T, R]) -> None:
    """Gives each piece that nobody has to the worker with the shortest lane; none behind one that failed."""
    for piece in itertools.takewhile(lambda piece: not isinstance(piece.outcome, Failed), line):
        if piece.handed_over:
            continue
        number = min(range(len(crew)), key=lambda number: _load(crew[number]))
        if _load(crew[number]) >= _TASKS_IN_A_LANE:
            return
        worker = crew[number]
        if worker is not None and not worker.hand_over(piece) and worker.lane:
            return  # its end is read first
        if not piece.handed_over:
            if worker is not None:
                _close([worker])
            crew[number] = _start(work, piece)


def _load(worker: _Worker[T, R] | None) -> int:
    return 0 if worker is None else len(worker.lane)


def _start(work: Work[T, R], first: _Piece[T, R]) -> _Worker[T, R]:
    ours, theirs = Pipe()
    command = f"from {serve.__module__} import serve; serve({theirs.fileno()})"
    environment = {**os.environ, **ONE_THREAD, "PYTHONUTF8": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    # Ctrl-C reaches all processes of a terminal: workers never hear it, from their first moment on, and end with us.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-c", command], env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        theirs.close()
    worker: _Worker[T, R] = _Worker(process, ours, collections.deque([first]))
    first.handed_over = True
    with contextlib.suppress(OSError):  # it died at once; the end of its connection tells
        ours.send(work)
        ours.send(first.task)
    return worker


def _collect(
    line: collections.deque[_Piece[T, R]],
    crew: list[_Worker[T, R] | None],
    divide: Callable[[T], Sequence[T]],
    give_up: Callable[[T, str], R],
) -> None:
    """Waits until a worker has done something, and takes what all have done."""
    busy: Mapping[object, int] = {
        worker.connection: number for number, worker in enumerate(crew) if worker is not None and worker.lane
    }
    for connection in wait([worker.connection for worker in crew if worker is not None and worker.lane]):
        number = busy[connection]
        worker = crew[number]
        if worker is None:
            continue
        try:
            outcome = worker.connection.recv()
        except (EOFError, OSError):
            crew[number] = None
            _close([worker])
            _recover(line, worker, divide, give_up)
            continue
        if isinstance(outcome, Failed) and isinstance(outcome.error, MemoryError):
            _blame(line, worker.lane.popleft(), "MemoryError", divide, give_up)
        else:
            worker.lane.popleft().outcome = outcome


def _recover(
    line: collections.deque[_Piece[T, R]],
    worker: _Worker[T, R],
    divide: Callable[[T], Sequence[T]],
    give_up: Callable[[T, str], R],
) -> None:
    """Lets what a dead worker had not done be handed over again; the first of it is what ended the worker."""
    culprit, *innocent = worker.lane
    for piece in innocent:
        piece.handed_over = False
    code = worker.process.returncode
    _blame(line, culprit, signal.Signals(-code).name if code < 0 else f"exit code {code}", divide, give_up)


def _blame(
    line: collections.deque[_Piece[T, R]],
    culprit: _Piece[T, R],
    how: str,
    divide: Callable[[T], Sequence[T]],
    give_up: Callable[[T, str], R],
) -> None:
    parts = divide(culprit.task)
    if len(parts) > 1 or not culprit.failures:
        place = line.index(culprit)
        del line[place]
        for part in reversed(parts):
            line.insert(place, _Piece(part, culprit.failures + 1))
        return
    try:
        culprit.outcome = Done(give_up(culprit.task, how))
    except Exception as error:  # noqa: BLE001  # it is raised when its turn comes
        culprit.outcome = Failed(error)


def _close(crew: Sequence[_Worker[T, R] | None]) -> None:
    """Ends workers: those at work clean up, and what does not end in time is killed."""
    workers = [worker for worker in crew if worker is not None]
    for worker in workers:
        worker.connection.close()
    deadline = time.monotonic() + SECONDS_TO_END
    for worker in workers:
        try:
            worker.process.wait(max(deadline - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
