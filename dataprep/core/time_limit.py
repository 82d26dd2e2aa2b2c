"""A time limit for a calculation that cannot check the clock itself, such as matching a regular expression."""

import contextlib
import signal
import threading
from collections.abc import Iterator


class OutOfTime(Exception):
    """The calculation took longer than allowed."""


@contextlib.contextmanager
def cpu_seconds(limit: float) -> Iterator[None]:
    """Ends the code in its block after `limit` seconds of CPU time; waiting and other processes do not count.

    Python's `re` checks for signals while it matches, so this ends a match too. Signals reach the main thread only, so in other
    threads there is no limit.

    Raises:
        OutOfTime: it took longer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
