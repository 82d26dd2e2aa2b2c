"""Where the heavy work runs: here, in several processes of this machine, or on a Dask cluster; the results are the same.

A task is a chunk of files or a shard, never one image, and carries paths, never arrays. `run_tasks` is for our own work:
when a worker dies, its task is run again, and a task whose workers die each time is an error. `run_guarded` is for work on
files from outside: its workers have a memory limit, and a crash is recorded as a result.
"""

import collections
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import NoReturn, TypeVar

from dataprep.config.execute import ExecuteConfig
from dataprep.core.errors import ExecuteError
from dataprep.execute.process_pool import run_in_pool
from dataprep.execute.worker import Work

T = TypeVar("T")
R = TypeVar("R")


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
    """Runs `function` on every task, always in other processes of this machine, which may crash.

    Args:
        function: a function of a module, without side effects on shared state.
        tasks: what to do.
        config: how many processes.
        memory_mib: how much a task may add to the address space of a worker (not limited on macOS).
        divide: makes smaller tasks of one that crashed its worker; a task that cannot be divided is returned alone.
        give_up: makes the result of a task that cannot be divided and crashed two workers.

    Yields:
        Results in the order of the tasks; those of a divided task one by one.
    """
    workers = max(1, min(num_workers(config), len(tasks)))
    yield from run_in_pool(
        Work(function, memory_mib), tasks, num_workers=workers, divide=divide, give_up=lambda task, _: give_up(task)
    )


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
        "Lower execute.workers or prepare.images_per_shard"
    )


def _died_beside(_: object, how: str) -> NoReturn:
    raise ExecuteError(
        f"train: a worker that varies images dies each time ({how}), most likely of too little memory. "
        "Lower execute.workers or train.memory_gib"
    )
