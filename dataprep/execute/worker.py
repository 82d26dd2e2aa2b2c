"""What runs in a worker process on this machine: one task after another, until the process that started it is gone.

`dataprep.execute.process_pool` starts a worker and holds the other end of its connection. Only the end of that connection stops
a worker, so that it also ends when its parent was killed.
"""

import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import FrameType
from typing import Generic, TypeVar

import cv2

from dataprep.core.unfinished import remove_unfinished

T = TypeVar("T")
R = TypeVar("R")

SECONDS_TO_END = 5.0  # for a worker to come back from the C code that it is in


@dataclass(frozen=True, slots=True)
class Work(Generic[T, R]):
    """The first that a worker is told: the function of its tasks, and what these may add to its address space."""

    function: Callable[[T], R]
    memory_mib: int | None


@dataclass(frozen=True, slots=True)
class Done(Generic[R]):
    """A task's result."""

    result: R


@dataclass(frozen=True, slots=True)
class Failed:
    """What a task raised."""

    error: Exception


def serve(handle: int) -> None:
    """Works through the tasks that come over a connection.

    Args:
        handle: the file descriptor of the connection; it carries `Work` and then tasks, and takes `Done` and `Failed`.
    """
    signal.signal(signal.SIGTERM, _end)
    connection = Connection(handle)
    messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(connection, messages), daemon=True).start()
    cv2.setNumThreads(0)  # one process per core is enough; OpenCV's own threads would fight over the cores
    _work(connection, messages)
    sys.stdout.flush()
    os._exit(0)  # a tenth of a second sooner than by taking all libraries down


def _work(connection: Connection, messages: queue.SimpleQueue[bytes]) -> None:
    work: Work[object, object] = ForkingPickler.loads(messages.get())
    if work.memory_mib is not None:
        _limit_memory(work.memory_mib)
    while True:
        message = messages.get()
        reply: bytes | memoryview
        try:
            reply = ForkingPickler.dumps(Done(work.function(ForkingPickler.loads(message))))
        except Exception as error:  # noqa: BLE001  # it is raised again where the task came from
            reply = _dump_error(error)
        try:
            connection.send_bytes(reply)
        except OSError:  # nobody is there any more
            return


def _read(connection: Connection, messages: queue.SimpleQueue[bytes]) -> None:
    """Takes tasks off the connection while another is worked on, and notices its end."""
    try:
        while True:
            messages.put(connection.recv_bytes())
    except BaseException:  # noqa: BLE001  # whatever it was, nothing more can be read, and to wait for it would be for ever
        # A signal, since it also ends a wait, and halts the task that is under way: it writes nothing any more.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        threading.Event().wait(SECONDS_TO_END)
        remove_unfinished()
        os._exit(1)


def _end(_number: int, _frame: FrameType | None) -> None:
    # Not by an exception: in a destructor or the callback of a weak reference it would be printed, and the task go on.
    remove_unfinished()
    os._exit(0)


def _dump_error(error: Exception) -> bytes | memoryview:
    """Packs an error with its traceback as a note; one that does not come through whole, as what can be said of it."""
    error.add_note("".join(traceback.format_exception(error)).rstrip())
    try:
        packed = ForkingPickler.dumps(Failed(error))
        ForkingPickler.loads(packed)
    except Exception:  # noqa: BLE001  # classes of other packages fail in ways of their own
        return ForkingPickler.dumps(Failed(RuntimeError(f"{type(error).__name__}: {error}")))
    return packed


def _limit_memory(memory_mib: int) -> None:
    """Limits what is added from now on, when all that the function imports is there."""
    # Decoders write to the terminal from C, once for each odd file. What they find stands in the results.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    used = Path("/proc/self/statm")
    if used.exists():
        import resource  # not on Windows

        address_space = int(used.read_text().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = address_space + memory_mib * 2**20
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))  # a hard limit that somebody else set cannot be raised
