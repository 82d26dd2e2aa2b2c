"""Where the heavy work runs: here, in several processes of this machine, or on a Dask cluster; the results are the same.

A task is a chunk of files or a shard, never one image, and carries paths, never arrays. `run_tasks` is for our own work:
when a worker dies, its task is run again, and a task whose workers die each time is an error. `run_guarded` is for work on
files from outside: its workers have a memory limit, and a crash is recorded as a result. On Dask each worker drives such
processes of its own machine: what a file kills must not be the worker, which Dask would take for a broken machine.
"""

import collections
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

from dataprep.config.execute import ExecuteConfig
from dataprep.core.errors import ExecuteError
from dataprep.execute.process_pool import Pool, close_pool, run_in_pool
from dataprep.execute.worker import Work

T = TypeVar("T")
R = TypeVar("R")

_GUARDED_AT_ONCE = 8
"""Guarded tasks that a Dask worker gets at once: 2,048 files of ingest, a third of a second of small ones."""


def run_tasks(function: Callable[[T], R], tasks: Sequence[T], config: ExecuteConfig) -> Iterator[R]:
    """Runs `function` on every task and yields the results in the order of the tasks.

    Args:
        function: a function of a module (workers import it) that may run twice: a worker can die just before it is done.
        tasks: what to do, named by their `str`; they and the results are pickled, and for Dask sent to other machines.
        config: which workers, and how many.

    Raises:
        ExecuteError: workers cannot be started, or a task crashes them.
    """
    if config.backend == "dask":
        yield from _run_on_dask(function, tasks, config)
        return
    workers = min(num_workers(config), len(tasks))
    if workers <= 1:
        yield from map(function, tasks)
        return
    yield from run_in_pool(Work(function, None), tasks, num_workers=workers, divide=lambda task: [task], give_up=_died)


def run_beside(function: Callable[[T], R], tasks: Iterable[T], workers: int) -> Iterator[R]:
    """Runs `function` on tasks while the caller does something else; results come in the order of the tasks.

    Args:
        function: as for `run_tasks`, or a `functools.partial` of one.
        tasks: what to do, small enough to be pickled; a few are taken at a time.
        workers: processes of this machine; 0 = each task runs here, when its result is asked for.

    Raises:
        ExecuteError: a task crashes the workers.
    """
    if not workers:
        yield from map(function, tasks)
        return
    yield from run_in_pool(Work(function, None), tasks, num_workers=workers, divide=lambda task: [task], give_up=_died_beside)


def run_guarded(
    function: Callable[[T], R],
    tasks: Sequence[T],
    config: ExecuteConfig,
    *,
    memory_mib: int,
    divide: Callable[[T], Sequence[T]],
    give_up: Callable[[T], R],
) -> Iterator[R]:
    """Runs `function` on every task, always in processes that may crash and are not this one.

    Args:
        function: a function of a module, without side effects on shared state.
        tasks: what to do.
        config: which workers, and how many.
        memory_mib: how much a task may add to the address space of a worker (not limited on macOS).
        divide: makes smaller tasks of one that crashed its worker; a task that cannot be divided is returned alone. A
            function of a module, as the next one.
        give_up: makes the result of a task that cannot be divided and crashed two workers.

    Yields:
        Results in the order of the tasks; those of a divided task one by one.

    Raises:
        ExecuteError: workers cannot be started.
    """
    if config.backend == "dask":
        parts = [tasks[start : start + _GUARDED_AT_ONCE] for start in range(0, len(tasks), _GUARDED_AT_ONCE)]
        bundles = [_Bundle(Work(function, memory_mib), part, divide, give_up) for part in parts]
        for results in _run_on_dask(_run_bundle, bundles, config):
            yield from results
        return
    workers = max(1, min(num_workers(config), len(tasks)))
    yield from run_in_pool(
        Work(function, memory_mib), tasks, num_workers=workers, divide=divide, give_up=lambda task, _: give_up(task)
    )


@dataclass(frozen=True, slots=True)
class _Bundle(Generic[T, R]):
    """Some guarded tasks that one Dask worker does in one go."""

    work: Work[T, R]
    tasks: Sequence[T]
    divide: Callable[[T], Sequence[T]]
    give_up: Callable[[T], R]

    def __str__(self) -> str:
        return f"{self.work.function.__name__}: a part of the files"


class _Kept(threading.local):
    """The guarded process of a thread of a Dask worker, and its work. To start one takes most of a second."""

    work: Work[Any, Any] | None = None
    pool: Pool[Any, Any]


_kept = _Kept()


def _run_bundle(bundle: _Bundle[T, R]) -> list[R]:
    """Runs the tasks of a bundle one after another in a process of this machine, which stays for the next bundle."""
    if _kept.work != bundle.work:
        end_kept()
        _kept.work, _kept.pool = bundle.work, [None]
    results = run_in_pool(
        bundle.work,
        bundle.tasks,
        num_workers=1,
        divide=bundle.divide,
        give_up=lambda task, _: bundle.give_up(task),
        kept=_kept.pool,
    )
    return list(results)


def end_kept() -> None:
    """Ends the process that this thread keeps; the end of this process would end it too."""
    if _kept.work is not None:
        close_pool(_kept.pool)
    _kept.work = None


def in_order(executor: Executor, function: Callable[[T], R], tasks: Sequence[T], *, max_pending: int) -> Iterator[R]:
    """Keeps at most `max_pending` tasks submitted, so that results do not pile up in memory."""
    pending: collections.deque[Future[R]] = collections.deque()
    try:
        for task in tasks:
            pending.append(executor.submit(function, task))
            if len(pending) >= max_pending:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


def num_workers(config: ExecuteConfig) -> int:
    """The number asked for, or one for each core."""
    return config.workers or num_cores()


def num_cores() -> int:
    """The number of cores that this process may use, or of all where the system does not say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run_on_dask(function: Callable[[T], R], tasks: Sequence[T], config: ExecuteConfig) -> Iterator[R]:
    from dataprep.execute.dask_backend import (
        connected,
        explained,
        on_worker,
    )  # takes most of a second, and only this backend needs it

    if not tasks:
        return
    with connected(config.address, min(num_workers(config), len(tasks))) as (executor, max_pending):
        num_done = 0
        with explained(lambda: tasks[num_done], _died):
            for result in in_order(executor, on_worker(function), tasks, max_pending=max_pending):
                yield result
                num_done += 1


def _died(task: object, how: str) -> NoReturn:
    raise ExecuteError(
        f"{task}: its worker dies each time ({how}), most likely of too little memory. "
        "Lower execute.workers, prepare.images_per_shard or ingest.limits.memory_mib"
    )


def _died_beside(_: object, how: str) -> NoReturn:
    raise ExecuteError(
        f"train: a worker that varies images dies each time ({how}), most likely of too little memory. "
        "Lower execute.workers or train.memory_gib"
    )
