"""What workers do in the tests, apart from the tests: a worker that loads this loads neither pytest nor Dask."""

import errno
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from dataprep.core.artifacts import write_bytes
from dataprep.core.errors import SourceError


def square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def die_once(task: tuple[Path, int]) -> int:
    """Leaves a mark and dies of some numbers, the first time."""
    folder, number = task
    if number in (0, 13, 14, 39) and not (folder / str(number)).exists():
        (folder / str(number)).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def die_of_five(number: int) -> int:
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


ERRORS = (
    ValueError("task 3"),
    SourceError("a.png: its bytes changed"),
    OSError(errno.ENOSPC, "No space left on device", "data/train-00003.h5"),
    PermissionError(errno.EACCES, "Permission denied", b"raw/a.png"),
)


def fail(task: int) -> int:
    if task % 10 == 3:
        raise ERRORS[task // 10]
    return task


def fail_among_others(task: tuple[Path, int]) -> int:
    folder, number = task
    (folder / str(number)).touch()
    if number == 3:
        raise SourceError("task 3")
    if number in (4, 5):
        time.sleep(60)
    return number


def dwell_while_writing(task: tuple[Path, int]) -> int:
    """Takes a minute to write a file."""
    folder, number = task
    if number == 1:
        while not any(folder.iterdir()):
            time.sleep(0.01)
        raise SourceError("task 1")

    def pieces() -> Iterator[bytes]:
        yield b"half"
        time.sleep(60)

    write_bytes(folder / "file", pieces())
    return number


def threads(task: tuple[Path, int]) -> tuple[int, set[str | None]]:
    """Dies first, so that those that replace a worker are looked at as well."""
    import cv2  # of no use to the other tasks

    die_once(task)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return cv2.getNumThreads(), {os.environ.get(name) for name in names}


def dwell(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(60)


def doze(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def work(numbers: list[int]) -> list[int]:
    """Squares, and dies of some numbers."""
    for number in numbers:
        if number in (13, 14, 77):
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 50:
            bytearray(2**31)
    return [number * number for number in numbers]


def one_by_one(numbers: list[int]) -> list[list[int]]:
    return [[number] for number in numbers]


def negative(numbers: list[int]) -> list[int]:
    return [-numbers[0]]


def one_task(number: int) -> list[int]:
    return [number]


def negative_square(number: int) -> tuple[int, int]:
    return -number, 0


def work_slowly(numbers: list[int]) -> list[int]:
    """Keeps one worker busy, so that another one dies twice before anybody asks for its results."""
    if numbers[0] == 0:
        time.sleep(3)
    if {9, 29} & set(numbers):
        os.kill(os.getpid(), signal.SIGKILL)
    return numbers


def kill_once(names: list[str]) -> list[str]:
    """Dies of a file that is there, and takes it away before."""
    for name in names:
        if Path(name).exists():
            Path(name).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
    return names


class Deaf:
    """Takes a minute to go, in a place where Python prints an exception and goes on."""

    def __init__(self, started: Path) -> None:
        self.started = started

    def __del__(self) -> None:
        self.started.touch()
        time.sleep(60)


def let_go_of_something_deaf(started: Path) -> None:
    Deaf(started)
