"""A worker process on this machine: it runs one task after another, until the process that started it ends.

`dataprep.execute.process_pool` starts a worker and holds the other end of its connection. Only the end of that connection stops
a worker, so it also stops when its parent is killed.
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

from dataprep.core.exit_cleanup import remove_unfinished

T = TypeVar("T")
R = TypeVar("R")

SECONDS_TO_END = 5.0  # for a worker to return from C code


@dataclass(frozen=True, slots=True)
class Work(Generic[T, R]):
    """The first message to a worker: the function of its tasks, and how much these may add to its address space."""

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
    """Runs the tasks that come over a connection.

    Args:
        handle: the file descriptor of the connection; it receives `Work` and then tasks, and sends `Done` and `Failed`.
    """
    signal.signal(signal.SIGTERM, _end)
    connection = Connection(handle)
    messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(connection, messages), daemon=True).start()
    cv2.setNumThreads(0)  # one process runs on each core, so OpenCV's own threads would only slow each other down
    _work(connection, messages)
    sys.stdout.flush()
    os._exit(0)  # a tenth of a second faster than unloading all libraries


def _work(connection: Connection, messages: queue.SimpleQueue[bytes]) -> None:
    work: Work[object, object] = ForkingPickler.loads(messages.get())
    if work.memory_mib is not None:
        _limit_memory(work.memory_mib)
    while True:
        message = messages.get()
        reply: bytes | memoryview
        try:
            reply = ForkingPickler.dumps(Done(work.function(ForkingPickler.loads(message))))
        except Exception as error:  # noqa: BLE001  # the parent raises it again
            reply = _dump_error(error)
        try:
            connection.send_bytes(reply)
        except OSError:  # the parent is gone
            return


def _read(connection: Connection, messages: queue.SimpleQueue[bytes]) -> None:
    """Reads tasks from the connection while another one runs, and notices the end of the connection."""
    try:
        while True:
            messages.put(connection.recv_bytes())
    except BaseException:  # noqa: BLE001  # whatever it was, nothing more can be read, and the main thread would wait for ever
        # A signal also ends a wait, and it stops the running task, which then writes nothing more.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        threading.Event().wait(SECONDS_TO_END)
        remove_unfinished()
        os._exit(1)


def _end(_number: int, _frame: FrameType | None) -> None:
    # No exception: in a destructor or the callback of a weak reference it would be printed, and the task would go on.
    remove_unfinished()
    os._exit(0)


def _dump_error(error: Exception) -> bytes | memoryview:
    """Pickles an error with its traceback as a note; an error that cannot be unpickled is replaced by its class and text."""
    error.add_note("".join(traceback.format_exception(error)).rstrip())
    try:
        packed = ForkingPickler.dumps(Failed(error))
        ForkingPickler.loads(packed)
    except Exception:  # noqa: BLE001  # error classes of other packages may fail in any way
        return ForkingPickler.dumps(Failed(RuntimeError(f"{type(error).__name__}: {error}")))
    return packed


def _limit_memory(memory_mib: int) -> None:
    """Limits the memory that is added from now on; what the function imports is loaded already."""
    # Decoders print a line for each odd file, from C. The results say it too.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    used = Path("/proc/self/statm")
    if used.exists():
        import resource  # not on Windows

        address_space = int(used.read_text().split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = address_space + memory_mib * 2**20
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))  # an existing hard limit cannot be raised
