import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dataprep.execute.held_workers import HeldWorkers, TaskTooSlowError, WorkerDiedError
from dataprep.execute.worker import Work

pytestmark = pytest.mark.processes


def act(task: str) -> tuple[str, int]:
    """Does what a task says, and says in which process."""
    match task:
        case "hang":
            time.sleep(600)
        case "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "raise":
            raise ValueError("no such task")
    return task, os.getpid()


@pytest.fixture(scope="module")
def workers() -> Iterator[HeldWorkers[str, tuple[str, int]]]:
    with HeldWorkers(Work(act, 1024), 2) as workers:
        yield workers


def test_tasks_of_many_threads_are_done_by_the_same_processes(workers: HeldWorkers[str, tuple[str, int]]) -> None:
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda number: workers.run(str(number), 60), range(50)))
    assert [task for task, _ in done] == [str(number) for number in range(50)]
    assert 1 <= len({process for _, process in done}) <= 2


def test_what_a_task_raises_is_raised_here_and_its_worker_goes_on(workers: HeldWorkers[str, tuple[str, int]]) -> None:
    with pytest.raises(ValueError, match="no such task"):
        workers.run("raise", 60)
    assert workers.run("a", 60)[0] == "a"


def test_a_task_that_hangs_is_ended_and_others_have_a_new_worker(workers: HeldWorkers[str, tuple[str, int]]) -> None:
    for _ in range(3):  # more often than there are workers
        with pytest.raises(TaskTooSlowError):
            workers.run("hang", 0.1)
    assert [workers.run(task, 60)[0] for task in "abcd"] == list("abcd")


def test_a_task_that_kills_its_worker_is_tried_twice_and_one_that_was_killed_beside_it_is_done(
    workers: HeldWorkers[str, tuple[str, int]],
) -> None:
    with pytest.raises(WorkerDiedError):
        workers.run("die", 60)
    for _ in range(4):  # an idle worker that somebody kills costs nothing
        os.kill(workers.run("a", 60)[1], signal.SIGKILL)
    assert workers.run("b", 60)[0] == "b"


def test_the_processes_end_with_the_block() -> None:
    with HeldWorkers(Work(act, 1024), 1) as workers:
        _, process = workers.run("a", 60)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
