"""Where the heavy work runs: here, in several processes of this machine, or on a Dask cluster; the results are the same.

A task is a chunk of files or a shard, never one image, and carries paths, never arrays. `run_tasks` is for work of our own:
a worker that dies costs its task's time, and a task that kills its workers is an error. `run_guarded` is for work on files
that somebody else made: its workers have a limit of memory, and what kills them is a result.
"""

import collections
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import NoReturn, TypeVar

from dataprep.config.execute import ExecuteConfig
from dataprep.core.errors import ExecuteError
from dataprep.execute.process_pool import run_in_lanes
from dataprep.execute.worker import Work

T = TypeVar("T")
R = TypeVar("R")


def run_tasks(function: Callable[[T], R], tasks: Sequence[T], config: ExecuteConfig) -> Iterator[R]:
    """Runs `function` on every task and yields the results in the order of the tasks.

    Args:
        function: a function of a module (workers import it) that may be done twice: a worker can die when it was all but done.
        tasks: what to do, named by their `str`; they and the results cross process borders, and for Dask those of machines.
        config: which workers, and how many.

    Raises:
        ExecuteError: the workers cannot be had, or die of a task.
    """
    if config.backend == "dask":
        yield from _run_on_dask(function, tasks, config)
        return
    workers = min(num_workers(config), len(tasks))
    if workers <= 1:
        yield from map(function, tasks)
        return
    yield from run_in_lanes(Work(function, None), tasks, workers=workers, divide=lambda task: [task], give_up=_died)


def run_beside(function: Callable[[T], R], tasks: Iterable[T], workers: int) -> Iterator[R]:
    """Runs `function` on tasks while whoever takes the results does something else; these come in the order of the tasks.

    Args:
        function: as for `run_tasks`, or a `functools.partial` of one.
        tasks: what to do, small enough to cross process borders; taken a few at a time, as there is room.
        workers: processes of this machine; 0 = each task is done here, when its result is asked for.

    Raises:
        ExecuteError: the workers die of a task.
    """
    if not workers:
        yield from map(function, tasks)
        return
    yield from run_in_lanes(Work(function, None), tasks, workers=workers, divide=lambda task: [task], give_up=_died_beside)


def run_guarded(
    function: Callable[[T], R],
    tasks: Sequence[T],
    config: ExecuteConfig,
    *,
    memory_mib: int,
    divide: Callable[[T], Sequence[T]],
    give_up: Callable[[T], R],
) -> Iterator[R]:
    """Runs `function` on every task, always in other processes of this machine, and outlives the death of these.

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
    yield from run_in_lanes(
        Work(function, memory_mib), tasks, workers=workers, divide=divide, give_up=lambda task, _: give_up(task)
    )


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


def num_workers(config: ExecuteConfig) -> int:
    """The number asked for, or one for each core."""
    return config.workers or num_cores()


def num_cores() -> int:
    """How many cores this process may use, where the system says so, else how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run_on_dask(function: Callable[[T], R], tasks: Sequence[T], config: ExecuteConfig) -> Iterator[R]:
    from dataprep.execute.dask_backend import connected, explained, on_worker  # most of a second that only this backend needs

    if not tasks:
        return
    with connected(config.address, min(num_workers(config), len(tasks))) as (executor, window):
        num_done = 0
        with explained(lambda: tasks[num_done], _died):
            for result in in_order(executor, on_worker(function), tasks, window=window):
                yield result
                num_done += 1


def _died(task: object, how: str) -> NoReturn:
    raise ExecuteError(
        f"{task}: the worker that works on it dies each time ({how}), most likely of too little memory. "
        "Lower execute.workers or prepare.images_per_shard"
    )


def _died_beside(_: object, how: str) -> NoReturn:
    raise ExecuteError(
        f"train: a worker that varies images dies each time ({how}), most likely of too little memory. "
        "Lower execute.workers or train.memory_gib"
    )
