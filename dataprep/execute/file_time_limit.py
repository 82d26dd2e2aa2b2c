"""A time limit for one file in a worker process: an exception ends its decoding, or else the end of the process does."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class FileTooSlowError(BaseException):
    """The time for one file is over. It is no `Exception`, since decoders catch those."""


@contextmanager
def alarm() -> Iterator[bool]:
    """Makes the system's alarm raise `FileTooSlowError`. Yields whether it can, which only the main thread can."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield False
        return
    before = signal.signal(signal.SIGALRM, _ring)
    try:
        yield True
    finally:
        signal.signal(signal.SIGALRM, before)


@contextmanager
def file_seconds(seconds: float) -> Iterator[None]:
    """Raises `FileTooSlowError` when the time is over. Where the decoder does not return, twice the time ends this process."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_PROF, 2 * seconds)  # of CPU time; nobody handles SIGPROF, so it ends the process
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)


def _ring(_number: int, _frame: FrameType | None) -> None:
    raise FileTooSlowError
