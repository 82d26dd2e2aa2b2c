import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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


def test_memory_beyond_the_limit_costs_the_piece_that_asks_for_it() -> None:
    assert guarded([49, 50, 51], workers=1) == [49 * 49, -50, 51 * 51]
    assert len(bytearray(2**31)) == 2**31


def work_slowly(numbers: list[int]) -> list[int]:
    """Keeps one worker busy, so that another one dies twice before anybody asks for its results."""
    if numbers[0] == 0:
        time.sleep(3)
    if {9, 29} & set(numbers):
        os.kill(os.getpid(), signal.SIGKILL)
    return numbers


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_what_waits_behind_a_killer_is_not_blamed(workers: int) -> None:
    results = run_guarded(
        work_slowly,
        [list(range(start, start + 3)) for start in range(0, 36, 3)],
        ExecuteConfig(workers=workers),
        memory_mib=256,
        divide=lambda chunk: [[number] for number in chunk],
        give_up=lambda chunk: [-number for number in chunk],
    )
    assert [number for result in results for number in result] == [
        -number if number in (9, 29) else number for number in range(36)
    ]


def kill_once(names: list[str]) -> list[str]:
    """Dies of a file that is there, and takes it away before."""
    for name in names:
        if Path(name).exists():
            Path(name).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
    return names


def test_a_piece_that_killed_a_worker_once_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    results = run_guarded(
        kill_once,
        [[str(tmp_path / "mine")]],
        ExecuteConfig(workers=1),
        memory_mib=256,
        divide=lambda chunk: [[name] for name in chunk],
        give_up=lambda _: ["given up"],
    )
    assert list(results) == [[str(tmp_path / "mine")]]


def test_a_hard_limit_of_memory_is_kept_and_no_worker_lost() -> None:
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (30 * 2**30, 30 * 2**30));"
        "from tests.dataprep.test_execute import guarded; print(sum(guarded(list(range(9)), 1)))"
    )
    # A user who may not raise hard limits, as most may not.
    command = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource", sys.executable, "-c", script]
    assert int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) == sum(n * n for n in range(9))
