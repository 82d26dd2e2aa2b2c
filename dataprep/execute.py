"""Where the heavy work runs: in this process or in several on this machine. The results are the same, in the same order.

A task is a chunk of files or a shard, never one image, and carries paths, never arrays. `run_tasks` trusts its tasks.
`run_guarded` is for work on files that somebody else made: its workers have a limit of memory, and one that dies costs the
piece of work that killed it.
"""

import collections
import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Generic, TypeVar

import cv2

from dataprep.config import ExecuteConfig

T = TypeVar("T")
R = TypeVar("R")


def run_tasks(function: Callable[[T], R], tasks: Sequence[T], config: ExecuteConfig) -> Iterator[R]:
    """Runs `function` on every task and yields the results in the order of the tasks.

    Args:
        function: a function of a module (workers import it), without side effects on shared state.
        tasks: what to do; they and the results cross process borders.
        config: `workers` processes; 0 means one for each core this process may use.
    """
    workers = min(num_workers(config), len(tasks))
    if workers <= 1:
        yield from map(function, tasks)
        return
    # Spawned, not forked: a fork of a process whose libraries hold threads (polars does) can hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_enter_worker) as executor:
        yield from in_order(executor, function, tasks, window=4 * workers)


def in_order(executor: Executor, function: Callable[[T], R], tasks: Sequence[T], *, window: int) -> Iterator[R]:
    """Keeps at most `window` tasks under way, so that results that nobody has taken yet do not pile up."""
    pending: collections.deque[Future[R]] = collections.deque()
    try:
        for task in tasks:
            pending.append(executor.submit(function, task))
            if len(pending) >= window:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


def _enter_worker() -> None:
    cv2.setNumThreads(0)  # one process per core is enough; OpenCV's own threads would fight over the cores


@dataclass(frozen=True, slots=True)
class _Running(Generic[T, R]):
    """A task that was handed to a worker, or a result that is there."""

    task: T
    lane: int
    executor: Executor | None
    future: Future[R]
    number: int  # of all that were handed over
    failures: int  # how often it, or the task that it is a part of, killed a worker


class _Lanes(Generic[T, R]):
    """Worker processes that each work through a queue of their own, so that it is known which task killed one."""

    def __init__(self, function: Callable[[T], R], *, workers: int, memory_mib: int) -> None:
        self._function = function
        self._memory_mib = memory_mib
        self._executors: list[ProcessPoolExecutor | None] = [None] * workers
        self._handed_over = 0

    def submit(self, task: T, lane: int, failures: int = 0) -> _Running[T, R]:
        self._handed_over += 1
        executor = self._executors[lane]
        if executor is not None:
            with contextlib.suppress(BrokenProcessPool):
                return _Running(task, lane, executor, executor.submit(self._function, task), self._handed_over, failures)
        executor = ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=_enter_limited_worker, initargs=(self._function, self._memory_mib)
        )
        self._executors[lane] = executor
        return _Running(task, lane, executor, executor.submit(self._function, task), self._handed_over, failures)

    def close(self) -> None:
        for executor in self._executors:
            if executor is not None:
                executor.shutdown(wait=False, cancel_futures=True)


def run_guarded(
    function: Callable[[T], R],
    tasks: Sequence[T],
    config: ExecuteConfig,
    *,
    memory_mib: int,
    divide: Callable[[T], Sequence[T]],
    give_up: Callable[[T], R],
) -> Iterator[R]:
    """Runs `function` on every task, always in other processes, and outlives the death of these.

    Args:
        function: a function of a module, without side effects on shared state.
        tasks: what to do.
        config: how many processes.
        memory_mib: what work may add to the address space of a worker (where the system can limit it: not on macOS).
        divide: makes smaller tasks of one that killed its worker; one that cannot be divided is given back alone.
        give_up: makes the result of a task that cannot be divided and killed its worker twice.

    Yields:
        Results in the order of the tasks; those of a divided task one by one.
    """
    workers = max(1, min(num_workers(config), len(tasks)))
    lanes: _Lanes[T, R] = _Lanes(function, workers=workers, memory_mib=memory_mib)
    waiting = collections.deque(tasks)
    running: collections.deque[_Running[T, R]] = collections.deque()
    try:
        while waiting or running:
            while waiting and len(running) < 4 * workers:
                queued = collections.Counter(entry.lane for entry in running)
                running.append(lanes.submit(waiting.popleft(), min(range(workers), key=lambda lane: queued[lane])))
            try:
                result = running[0].future.result()
            except (BrokenProcessPool, MemoryError):
                running = _recover(running, lanes, divide, give_up)
                continue
            running.popleft()
            yield result
    finally:
        lanes.close()


def _recover(
    running: collections.deque[_Running[T, R]],
    lanes: _Lanes[T, R],
    divide: Callable[[T], Sequence[T]],
    give_up: Callable[[T], R],
) -> collections.deque[_Running[T, R]]:
    """Hands over again what the process of the first task had not done; what ended that process, in smaller pieces.

    A process works in the order in which tasks were handed to it, so the earliest without a result is the one that ended it;
    that need not be the first to be waited for. What ended a process twice is given up.
    """
    executor = running[0].executor
    broken = [entry for entry in running if entry.executor is executor and _is_broken(entry)]
    culprit = min(broken, key=lambda entry: entry.number)
    recovered: collections.deque[_Running[T, R]] = collections.deque()
    for entry in running:
        if entry is culprit:
            parts = divide(entry.task)
            if len(parts) == 1 and entry.failures:
                given_up: Future[R] = Future()
                given_up.set_result(give_up(entry.task))
                recovered.append(_Running(entry.task, entry.lane, None, given_up, entry.number, entry.failures))
            else:
                recovered += [lanes.submit(part, entry.lane, entry.failures + 1) for part in parts]
        elif entry in broken:
            recovered.append(lanes.submit(entry.task, entry.lane, entry.failures))
        else:
            recovered.append(entry)
    return recovered


def _is_broken(entry: _Running[T, R]) -> bool:
    """Whether a task ended its process, or was to be done by one that had ended."""
    return entry.future.done() and isinstance(entry.future.exception(), BrokenProcessPool | MemoryError)


def num_workers(config: ExecuteConfig) -> int:
    """The number asked for, or that of the cores which this process may use (where the system tells, else all)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return config.workers or cores


def _enter_limited_worker(_function: Callable[[T], R], memory_mib: int) -> None:
    """Limits this process; the function is named so that what it imports is there before the memory is measured."""
    _enter_worker()
    # Decoders write to the terminal from C, once for each odd file. What they find stands in the results.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    used = Path("/proc/self/statm")
    if used.exists():
        import resource  # not on Windows

        address_space = int(used.read_text().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = address_space + memory_mib * 2**20
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))  # a hard limit that somebody else set cannot be raised
