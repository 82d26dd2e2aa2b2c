"""Which flow runs are at work in this folder, by process number and start: a run that was killed cannot say so itself.

    .darkroom/flow_runs/<name of the run>.json    process 4711 on this machine, which began at 1764225000.12

An entry is written before the server hears of the run, where that can be, and stays until the server is known to have heard of
its end. The next run looks at the entries whose process is gone, and gives those runs an end.
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

    format_version: Literal[2] = 2
    run: str  # its id at the server, or a tag that it alone has
    server: str  # the address of its API; empty for an own one
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


def enter(run: str, server: str) -> Entry:
    """Writes an entry of this process; the next run removes it.

    Args:
        run: its id.
        server: the address of its API; empty for an own one.
    """
    own = psutil.Process()
    entry = Entry(run=run, server=server, host=socket.gethostname(), pid=os.getpid(), began=own.create_time())
    LEDGER.mkdir(parents=True, exist_ok=True)
    write_document(_path(entry), entry)
    return entry


@contextmanager
def entered(server: str) -> Iterator[str]:
    """Keeps an entry of a run that is yet to begin; it stays where this process is killed, or fails before the end.

    Args:
        server: the address of its API; empty for an own one.

    Yields:
        The tag that the run must have.
    """
    began = psutil.Process().create_time()
    entry = enter(f"process-{os.getpid()}-{began:.2f}", server)
    yield entry.run
    remove(entry)


def ended_runs(server: str) -> list[Entry]:
    """The entries of a server whose process is gone; those that cannot be read are removed."""
    return [entry for entry in _entries() if entry.server == server and not entry.is_alive]


def runs_alive() -> set[str]:
    """The ids or tags of the runs whose process lives."""
    return {entry.run for entry in _entries() if entry.is_alive}


def remove(entry: Entry) -> None:
    """Removes an entry."""
    with suppress(FileNotFoundError):
        _path(entry).unlink()


def _entries() -> Iterator[Entry]:
    for path in sorted(LEDGER.glob("*.json")):
        try:
            yield read_document(path, Entry, stage="flow")
        except DarkroomError:  # torn, or of another version
            path.unlink(missing_ok=True)


def _path(entry: Entry) -> Path:
    return LEDGER / f"{entry.run}.json"
