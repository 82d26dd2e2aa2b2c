"""Files that this process is writing under temporary names, so that it can take them away when it must end at once."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

_paths: set[Path] = set()


@contextlib.contextmanager
def unfinished(paths: list[Path]) -> Iterator[None]:
    """Removes temporary files in the end, whatever happens; those that were renamed are not there any more.

    Args:
        paths: of the files, before the first is opened.
    """
    _paths.update(paths)
    try:
        yield
    finally:
        _remove(paths)
        _paths.difference_update(paths)


def remove_unfinished() -> None:
    """Removes what this process has not finished. Nothing may write afterwards: the process is about to end."""
    _remove(list(_paths))


def _remove(paths: list[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):  # what failed before is worth more than what fails here
            path.unlink(missing_ok=True)
