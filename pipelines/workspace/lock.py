"""One run at a time in one folder: a lock that the kernel frees when its holder dies, however it dies."""

import contextlib
import errno
import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from dataprep.core.errors import DarkroomError

LOCK_FILE = Path(".darkroom/lock")

_SECONDS_BETWEEN_TRIES = 0.5
_NO_LOCKS_HERE = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)


class LockError(DarkroomError):
    """Another run is at work in this folder."""


@contextlib.contextmanager
def only_run(path: Path = LOCK_FILE) -> Iterator[bool]:
    """Holds the lock; worker processes do not inherit it, so that it ends with this process.

    The file stays when the lock is freed: whoever opened it before and whoever made it anew would both hold one.

    Yields:
        Whether there is a lock: some network file systems know none, and there a stage runs without.

    Raises:
        LockError: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            locked = try_lock(handle)
        except BlockingIOError as error:
            raise LockError(f"one run at a time: {_holder(handle)}") from error
        with contextlib.suppress(OSError):  # on a full disk the lock holds all the same
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(_myself()).encode(), 0)
        yield locked
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


@contextlib.contextmanager
def in_turn(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Holds a lock; where another process holds it, says who, and waits.

    Args:
        path: of the lock.
        say: hears once who is waited for.
    """
    with contextlib.ExitStack() as held:
        has_said = False
        while True:
            try:
                held.enter_context(only_run(path))
                break
            except LockError as error:
                if not has_said:
                    say(f"waits for its turn: {str(error).removeprefix('one run at a time: ')}")
                has_said = True
                time.sleep(_SECONDS_BETWEEN_TRIES)
        yield


def try_lock(handle: int) -> bool:
    """Takes the lock of an open file, until that is closed; False where the file system knows no locks.

    Raises:
        BlockingIOError: another process holds it.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in _NO_LOCKS_HERE:
            raise
        return False
    return True


def who_works(path: Path = LOCK_FILE) -> str | None:
    """Says who holds the lock; None where nobody does, or where the file system knows no locks.

    The lock is tried only where a living process is written in it: to try it means to hold it for a moment, and a stage that
    starts in that moment would end.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        if not _written_by_the_living(handle):
            return None
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(handle)
    except OSError:
        return None
    finally:
        os.close(handle)
    return None


def _written_by_the_living(handle: int) -> bool:
    try:
        holder = json.loads(os.pread(handle, 65536, 0))
        if holder["host"] == socket.gethostname():
            os.kill(holder["pid"], 0)
    except (ValueError, LookupError, TypeError, ProcessLookupError):
        return False
    except PermissionError:  # of another user
        return True
    return True


def _myself() -> dict[str, object]:
    module = getattr(sys.modules["__main__"], "__spec__", None)  # of `python -m`; the first argument is then a file's path
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now().astimezone().isoformat(" ", "seconds"),
        "command": f"python -m {module.name}" if module else sys.argv[0],
    }


def _holder(handle: int) -> str:
    """Who holds the lock, as they wrote into it a moment after they took it."""
    for _ in range(20):
        try:
            holder = json.loads(os.pread(handle, 65536, 0))
            return (
                f"process {holder['pid']} on {holder['host']} works in this folder since {holder['since']} "
                f"({holder['command']}). Wait until it ends, or end it there: kill {holder['pid']}"
            )
        except (ValueError, LookupError, TypeError):
            time.sleep(0.05)
    return f"another process works in this folder and holds {LOCK_FILE}. Wait until it ends"
