"""Worker processes for tasks that come one at a time, from several threads, each with a time limit.

`process_pool` runs a list of tasks; this is for a service, where nobody knows what comes next. A worker has one task at a time.
When its time is over the worker is killed, whatever it does, and another one takes its place.
"""

import contextlib
import queue
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Generic, Self, TypeVar

from dataprep.execute.process_pool import start_process
from dataprep.execute.worker import SECONDS_TO_END, Done, Failed, Work

T = TypeVar("T")
R = TypeVar("R")


SECONDS_TO_START = 60.0  # for a worker to import what its function needs, on a busy machine


class TaskTooSlowError(Exception):
    """The time for a task is over; its worker was killed."""


class WorkerDiedError(Exception):
    """Two workers died of a task."""


@dataclass(frozen=True, slots=True)
class _Held(Generic[T, R]):
    """What a worker runs: the function, and nothing for None, by which it says that it has started."""

    function: Callable[[T], R]

    def __call__(self, task: T | None) -> R | None:
        return None if task is None else self.function(task)


@dataclass(slots=True, eq=False)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    has_started: bool = False

    def wait_for_start(self) -> None:
        if not self.has_started:
            if not self.connection.poll(SECONDS_TO_START):
                raise EOFError
            self.connection.recv()
            self.has_started = True

    def kill(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.wait()


class HeldWorkers(Generic[T, R]):
    """Processes that run one function; a context manager, which ends them."""

    def __init__(self, work: Work[T, R], num_workers: int) -> None:
        """Starts nothing yet.

        Args:
            work: the function of a module, which may not change anything outside of its process, and the limit of memory.
            num_workers: processes, and so tasks that run at the same time; others wait.
        """
        self._work = Work(_Held(work.function), work.memory_mib)
        self._num_workers = num_workers
        self._free: queue.SimpleQueue[_Worker | None] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        for _ in range(self._num_workers):
            self._free.put(self._start())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ends the workers, after the tasks that they are at."""
        workers = [worker for _ in range(self._num_workers) if (worker := self._free.get())]
        for worker in workers:
            worker.connection.close()
        for worker in workers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(SECONDS_TO_END)
            worker.kill()

    def run(self, task: T, seconds: float) -> R:
        """Runs a task; any number of threads may call it.

        Args:
            task: it and its result are pickled; not None.
            seconds: from the moment when a worker has it; the start of a worker does not count.

        Raises:
            TaskTooSlowError: the time is over.
            WorkerDiedError: a worker died of it, and the next one too.
            Exception: whatever the function raises.
        """
        outcome = self._outcome(task, seconds)
        if isinstance(outcome, Failed):
            raise outcome.error
        return outcome.result

    def _outcome(self, task: T, seconds: float) -> "Done[R] | Failed":
        for _ in range(2):
            with contextlib.suppress(EOFError, OSError), self._taken() as worker:
                worker.connection.send(task)
                if not worker.connection.poll(seconds):
                    raise TaskTooSlowError
                return worker.connection.recv()  # type: ignore[no-any-return]
        raise WorkerDiedError

    @contextlib.contextmanager
    def _taken(self) -> Iterator[_Worker]:
        """A worker that is free, or a new one in the place of one that was killed; any error within kills it."""
        worker, kept = self._free.get(), None
        try:
            if worker is not None and worker.process.poll() is not None:  # it died while it was idle
                worker.kill()
                worker = None
            worker = worker or self._start()
            worker.wait_for_start()
            yield worker
            kept = worker
        finally:
            if kept is None and worker is not None:
                worker.kill()
            self._free.put(kept)

    def _start(self) -> _Worker:
        worker = _Worker(*start_process(self._work))
        with contextlib.suppress(OSError):  # it died at once, which `wait_for_start` notices
            worker.connection.send(None)
        return worker
