"""Which flow runs are at work in this folder, by process number and start: a run that was killed cannot say so itself.

    .darkroom/flow_runs/<id of the run>.json    process 4711 on this machine, which began at 1764225000.12

A run removes its entry when it ends. The next run finds the entries whose process is gone, and tells Prefect's server.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import psutil

from dataprep.core.artifacts import Document, read_document, write_document
from dataprep.core.errors import DarkroomError

LEDGER = Path(".darkroom/flow_runs")


class Entry(Document):
    """A flow run and the process that runs it."""

    format_version: Literal[1] = 1
    flow_run: str  # its id at the server
    server: str  # the address of its API; empty for a temporary one
    host: str
    pid: int
    began: float  # of the process, seconds since 1970

    @property
    def is_alive(self) -> bool:
        """Whether its process lives; one on another machine is taken for alive. The system gives a number again."""
        if self.host != socket.gethostname():
            return True
        try:
            return abs(float(psutil.Process(self.pid).create_time()) - self.began) < 1
        except psutil.NoSuchProcess:
            return False
        except psutil.Error:  # of another user
            return True


@contextmanager
def entered(flow_run: str, server: str) -> Iterator[None]:
    """Keeps an entry of this process while it lasts, and longer if the process is killed."""
    own = psutil.Process()
    entry = Entry(flow_run=flow_run, server=server, host=socket.gethostname(), pid=os.getpid(), began=own.create_time())
    LEDGER.mkdir(parents=True, exist_ok=True)
    write_document(_path(entry), entry)
    try:
        yield
    finally:
        remove(entry)


def killed_runs(server: str) -> list[Entry]:
    """The entries of a server whose process is gone; those that cannot be read are removed."""
    found = []
    for path in sorted(LEDGER.glob("*.json")):
        try:
            entry = read_document(path, Entry, stage="flow")
        except DarkroomError:  # torn, or of another version
            path.unlink(missing_ok=True)
            continue
        if entry.server == server and not entry.is_alive:
            found.append(entry)
    return found


def remove(entry: Entry) -> None:
    """Removes an entry."""
    with suppress(FileNotFoundError):
        _path(entry).unlink()


def _path(entry: Entry) -> Path:
    return LEDGER / f"{entry.flow_run}.json"
