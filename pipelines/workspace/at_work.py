"""Who is at work in this folder: stages by our own lock, DVC by its locks and by its list of processes.

DVC holds `.dvc/tmp/lock` whenever it runs no stage, and lists in `.dvc/tmp/rwlock` which process reads or writes what. A kill
leaves both files behind.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, Field

from pipelines.workspace.lock import LockError, only_run, try_lock, who_works

DVC_TEMPORARY = Path(".dvc/tmp")
HOLDERS = DVC_TEMPORARY / "rwlock"

_LOCK = DVC_TEMPORARY / "lock"
_CLAIM = re.compile(r"[0-9a-f]{32}\.lock")


class Holder(BaseModel):
    """A process that reads or writes a path, as DVC lists it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pid: int
    cmd: str


class Holders(BaseModel):
    """DVC's list of who writes and who reads what."""

    model_config = ConfigDict(extra="forbid")

    write: dict[str, Holder] = Field(default_factory=dict)
    read: dict[str, list[Holder]] = Field(default_factory=dict)

    def all(self) -> list[Holder]:
        return list(dict.fromkeys([*self.write.values(), *(holder for holders in self.read.values() for holder in holders)]))


@contextlib.contextmanager
def at_rest() -> Iterator[None]:
    """Keeps stages and DVC from starting in this folder.

    Raises:
        LockError: one of them is at work.
    """
    with only_run(), _dvc_at_rest():
        with contextlib.suppress(ValueError):  # a torn list
            for holder in read_holders().all():
                if is_alive(holder):
                    raise _busy(holder.pid, holder.cmd)
        yield


def holder_now() -> str | None:
    """Says who is at work, a stage or the DVC that starts stages; None where nobody is known to be."""
    if holder := who_works():
        return holder
    with contextlib.suppress(ValueError, OSError):  # a torn list
        for listed in read_holders().all():
            if is_alive(listed):
                return f"process {listed.pid} works in this folder ({listed.cmd}). Wait until it ends"
    return None


def read_holders() -> Holders:
    """DVC's list; empty where there is none.

    Raises:
        ValueError: it is torn.
    """
    try:
        return Holders.model_validate_json(HOLDERS.read_bytes())
    except FileNotFoundError:
        return Holders()


def is_alive(holder: Holder) -> bool:
    """Whether a process lives and is still the one that DVC noted: the system gives a number again."""
    try:
        words = psutil.Process(holder.pid).cmdline()
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
    return is_command(words, holder.cmd)


def is_command(words: Sequence[str], noted: str) -> bool:
    """Whether the words of a command line are those that DVC noted: of its path, which may hold blanks, and its arguments.

    >>> is_command(["python", "-m", "dvc", "repro", "-q"], "/my env/dvc/__main__.py repro -q")
    True
    >>> is_command(["python", "/my env/bin/dvc", "repro"], "/my env/bin/dvc repro")
    True
    >>> is_command(["python", "-m", "http.server"], "/my env/bin/dvc repro")
    False
    """
    programs = [number for number, word in enumerate(words) if "dvc" in word]
    return any(f" {noted}".endswith(" ".join(["", *(words[number + 1 :] or words[number:])])) for number in programs)


def hard_links() -> dict[Path, Path]:
    """DVC's locks where `core.hardlink_lock` is on: each a hard link to a file of its holder. No kernel frees them."""
    claims = {}
    for lock in (_LOCK, HOLDERS.with_name("rwlock.lock")):
        with contextlib.suppress(OSError, ValueError):
            name = Path(lock.read_text(encoding="utf-8").strip()).name
            if _CLAIM.fullmatch(name):
                claims[lock] = lock.with_name(name)
    return claims


@contextlib.contextmanager
def _dvc_at_rest() -> Iterator[None]:
    if hard_links():
        _refuse_beside_dvc()
    if not _LOCK.exists():
        yield
        return
    with _LOCK.open("r+b") as file:  # over NFS a lock is only for who may write
        try:
            try_lock(file.fileno())
        except BlockingIOError as error:
            raise _busy(file.read().decode(errors="replace").strip(), "dvc") from error
        yield


def _refuse_beside_dvc() -> None:
    """Such a lock names no process, so each one is looked at."""
    here = os.path.realpath(".")
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = process.info["cmdline"] or []
        if process.info["cwd"] == here and any(Path(word).name == "dvc" for word in words[:3]):
            raise _busy(process.pid, " ".join(words))


def _busy(pid: int | str, command: str) -> LockError:
    return LockError(
        f"one run at a time: process {pid} works in this folder ({command}). Wait until it ends, or end it: kill {pid}"
    )
