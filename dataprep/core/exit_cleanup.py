"""The temporary files that this process is writing, so that it can remove them when it must end at once."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

_paths: set[Path] = set()


@contextlib.contextmanager
def unfinished(paths: list[Path]) -> Iterator[None]:
    """Removes temporary files at the end of the block, whatever happens; files that were renamed do not exist any more.

    Args:
        paths: of the files; to be called before the first is opened.
    """
    _paths.update(paths)
    try:
        yield
    finally:
        _remove(paths)
        _paths.difference_update(paths)


def remove_unfinished() -> None:
    """Removes the unfinished files of this process. Nothing may write afterwards: the process is about to end."""
    _remove(list(_paths))


def _remove(paths: list[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):  # an earlier error is the one to report
            path.unlink(missing_ok=True)
