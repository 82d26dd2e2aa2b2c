"""A limit on what a calculation may cost that cannot look at the clock by itself, such as one regular expression."""

import contextlib
import signal
import threading
from collections.abc import Iterator


class OutOfTime(Exception):
    """The calculation took longer than it may."""


@contextlib.contextmanager
def cpu_seconds(limit: float) -> Iterator[None]:
    """Ends what runs within it after so much computing of this process; waiting and other processes do not count.

    Python's `re` looks for signals while it matches, so that this ends a match as well. Signals reach the main thread only: in
    another there is no limit.

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
