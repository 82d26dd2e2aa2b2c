"""The workspace as it was: params.yaml, dvc.lock and what DVC made, put back after experiments that change them.

What is to be put back lies in a folder of its own until all is back. So a process that is killed loses nothing: the next one
that keeps the workspace finds the folder, and puts it back before it begins.
"""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from dataprep.core.artifacts import write_bytes
from dataprep.core.errors import DarkroomError
from pipelines.parameters.params import PARAMS_FILE
from pipelines.repair.trouble import free_name
from pipelines.repair.verify import missing_copies, read_outputs
from pipelines.workspace.at_work import holder_now
from pipelines.workspace.dvc_graph import cache_folder, dvc, last_line
from pipelines.workspace.dvc_lock_backup import DVC_LOCK
from pipelines.workspace.lock import LockError, only_run, who_works

KEPT = Path(".darkroom/workspace")
LOCK = Path(".darkroom/workspace.lock")
EARLIER_SPLITS = Path(".darkroom/splits")
"""What the stage split keeps beside its output; an experiment with another split adds to it."""

_FILES = (PARAMS_FILE, DVC_LOCK)
_DONE = KEPT / "complete"


def check_out() -> None:
    """Fetches what dvc.lock names from DVC's cache; of a stage of which the cache lacks a copy, nothing.

    Such a stage never ran here: its lines came with the project. DVC would hold that for an error.

    Raises:
        DarkroomError: DVC cannot.
    """
    if not DVC_LOCK.is_file():
        return
    outputs = read_outputs()
    lacking = {stage for _, stage in missing_copies(outputs, cache_folder())}
    stages = [stage for stage in dict.fromkeys(output.stage for output in outputs) if stage not in lacking]
    if not stages:
        return
    ended = dvc("checkout", "--force", *stages)
    if ended.exit_code:
        raise DarkroomError(
            f"what dvc.lock names must be fetched from DVC's cache again; DVC ended with {last_line(ended.output)!r}. "
            "Run: dvc checkout --force"
        )


def need_copies() -> None:
    """Refuses to begin where DVC's cache lacks a copy of what would be put back.

    Raises:
        DarkroomError: with the first file that it lacks.
    """
    for path, stage in missing_copies(read_outputs(), cache_folder()):
        raise DarkroomError(
            f"DVC's cache must hold {path}, so that it can be put back after the experiments; it does not. "
            f"Run: dvc commit {stage}"
        )


@contextmanager
def workspace_kept(checkout: Callable[[], object] = lambda: check_out()) -> Iterator[None]:
    """Puts params.yaml, dvc.lock and what DVC made back as they were, whatever happens within.

    A request to end (SIGTERM) becomes an interruption while it lasts.

    Args:
        checkout: fetches what dvc.lock names from DVC's cache.

    Raises:
        LockError: another process keeps the workspace.
    """
    with only_run(LOCK):
        _put_back_after_a_kill(checkout)
        _keep()
        with _ends_like_an_interruption():
            try:
                yield
            finally:
                _put_back(checkout)


def was_killed() -> bool:
    """Whether a process that kept the workspace was killed, and nobody has put it back."""
    return _DONE.is_file() and who_works(LOCK) is None


def put_back_after_a_kill(checkout: Callable[[], object] = lambda: check_out()) -> None:
    """Puts back what a process that was killed had kept; does nothing where none was.

    Raises:
        LockError: DVC or a stage, which it had started, is still at work.
    """
    with only_run(LOCK):
        _put_back_after_a_kill(checkout)


def _put_back_after_a_kill(checkout: Callable[[], object]) -> None:
    """A params.yaml that a person may have changed since is kept beside."""
    if not _DONE.is_file():
        return
    if holder := holder_now():
        raise LockError(f"an earlier run was killed; what it had started is still at work: {holder}")
    found = free_name(PARAMS_FILE, "interrupted")
    differs = PARAMS_FILE.is_file() and PARAMS_FILE.read_bytes() != (KEPT / PARAMS_FILE).read_bytes()
    if differs:
        shutil.copyfile(PARAMS_FILE, found)
    _put_back(checkout)
    print(
        "an earlier run was killed amid its experiments: params.yaml, dvc.lock and the outputs are as they were before it"
        f"{f'; what stood in params.yaml since lies in {found}' if differs else ''}",
        flush=True,
    )


def _keep() -> None:
    """The mark of completeness is written last."""
    shutil.rmtree(KEPT, ignore_errors=True)
    for path in _FILES:
        if path.is_file():
            write_bytes(_made(KEPT / path), [path.read_bytes()])
    if EARLIER_SPLITS.is_dir():
        shutil.copytree(EARLIER_SPLITS, KEPT / EARLIER_SPLITS.name, copy_function=os.link)  # such a file is only ever replaced
    write_bytes(_DONE, [b""])


def _put_back(checkout: Callable[[], object]) -> None:
    """The kept folder goes last, when all is back."""
    for path in _FILES:
        if (KEPT / path).is_file():
            write_bytes(path, [(KEPT / path).read_bytes()])
        else:
            path.unlink(missing_ok=True)
    checkout()
    if (KEPT / EARLIER_SPLITS.name).is_dir():
        shutil.rmtree(EARLIER_SPLITS, ignore_errors=True)
        shutil.copytree(KEPT / EARLIER_SPLITS.name, EARLIER_SPLITS, copy_function=os.link)
    _DONE.unlink()
    shutil.rmtree(KEPT)


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def _ends_like_an_interruption() -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # as the system calls it
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
