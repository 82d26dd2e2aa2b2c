"""A folder that appears when all that belongs into it is there, and never replaces another."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dataprep.core.errors import DarkroomError


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yields a folder beside, which gets its name at the end of the block, or is removed.

    Raises:
        DarkroomError: there is something of that name.
    """
    if folder.exists():
        raise DarkroomError(f"--out {str(folder)!r} is there already, and is not overwritten. Remove it or name another")
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    try:
        yield unfinished
        unfinished.chmod(0o755)  # that of a temporary folder keeps others out
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
