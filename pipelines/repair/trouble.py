"""One thing that is not as it should be, and how what is replaced is kept."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dataprep.core.errors import on_one_line


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is not as it should be."""

    path: Path
    what: str
    mend: Callable[[], str] | None
    """Mends it and says in a few words what it did; None where only the user can."""

    def __str__(self) -> str:
        return on_one_line(f"{self.path}: {self.what}{'. Run: darkroom doctor --mend' if self.mend else ''}")

    def mended(self) -> str:
        """Mends it, if that can be done here, and says what was wrong and what was done."""
        return on_one_line(f"{self.path}: {self.what}: {self.mend()}") if self.mend else str(self)


def keep_beside(path: Path, ending: str) -> Path:
    """Moves a file or folder to its own name with an ending and the next free number."""
    kept = free_name(path, ending)
    path.rename(kept)
    return kept


def free_name(path: Path, ending: str) -> Path:
    """The path with an ending and the next number at which nothing is, not even a broken link."""
    number = 1
    while os.path.lexists(kept := path.with_name(f"{path.name}.{ending}-{number}")):
        number += 1
    return kept
