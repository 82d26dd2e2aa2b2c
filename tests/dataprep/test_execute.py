import os
import signal

import pytest

from dataprep.config import ExecuteConfig
from dataprep.execute import run_guarded, run_tasks


def square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def fail(number: int) -> int:
    if number == 3:
        raise ValueError("task 3")
    return number


def test_results_come_in_the_order_of_the_tasks_from_several_processes() -> None:
    results = list(run_tasks(square, range(40), ExecuteConfig(workers=2)))
    assert [result for result, _ in results] == [number * number for number in range(40)]
    assert os.getpid() not in {process for _, process in results}


def test_one_worker_or_one_task_stays_in_this_process() -> None:
    assert {process for _, process in run_tasks(square, range(4), ExecuteConfig(workers=1))} == {os.getpid()}
    assert {process for _, process in run_tasks(square, [7], ExecuteConfig(workers=2))} == {os.getpid()}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_task_is_the_caller_s_error(workers: int) -> None:
    with pytest.raises(ValueError, match="task 3"):
        list(run_tasks(fail, range(20), ExecuteConfig(workers=workers)))


def work(numbers: list[int]) -> list[int]:
    """Squares, and dies of some numbers."""
    for number in numbers:
        if number in (13, 14, 77):
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 50:
            bytearray(2**31)
    return [number * number for number in numbers]


def guarded(numbers: list[int], workers: int, size: int = 8) -> list[int]:
    chunks = [numbers[start : start + size] for start in range(0, len(numbers), size)]
    results = run_guarded(
        work,
        chunks,
        ExecuteConfig(workers=workers),
        memory_mib=256,
        divide=lambda chunk: [[number] for number in chunk],
        give_up=lambda chunk: [-chunk[0]],
    )
    return [number for result in results for number in result]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_dies_costs_the_piece_that_killed_it(workers: int) -> None:
    numbers = [number for number in range(100) if number != 50]
    expected = [-number if number in (13, 14, 77) else number * number for number in numbers]
    assert guarded(numbers, workers) == expected


def test_memory_beyond_the_limit_is_refused_in_a_worker_and_not_here() -> None:
    with pytest.raises(MemoryError):
        guarded([50], workers=1)
    assert len(bytearray(2**31)) == 2**31
