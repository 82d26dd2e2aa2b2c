import os

import pytest

from dataprep.config import ExecuteConfig
from dataprep.execute import run_tasks


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
