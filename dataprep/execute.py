"""Where the heavy work runs: in this process or in several on this machine. The results are the same, in the same order.

A task is a chunk of files or a shard, never one image, and carries paths, never arrays.
"""

import collections
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

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
    workers = min(config.workers or _num_cores(), len(tasks))
    if workers <= 1:
        yield from map(function, tasks)
        return
    # Spawned, not forked: a fork of a process whose libraries hold threads (polars does) can hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_enter_worker) as executor:
        yield from _in_order(executor, function, tasks, window=4 * workers)


def _in_order(executor: Executor, function: Callable[[T], R], tasks: Sequence[T], *, window: int) -> Iterator[R]:
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


def _num_cores() -> int:
    """The cores that this process may use, where the system tells (Linux), else all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _enter_worker() -> None:
    cv2.setNumThreads(0)  # one process per core is enough; OpenCV's own threads would fight over the cores
