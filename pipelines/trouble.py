"""One thing that is not as it should be, and how what is replaced is kept."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is not as it should be."""

    path: Path
    what: str
    mend: Callable[[], str]
    """Mends it and says in a few words what it did."""

    def __str__(self) -> str:
        return f"{self.path}: {self.what}. Run: darkroom doctor --mend"


def keep_beside(path: Path, ending: str) -> Path:
    """Moves a file or folder to its own name with an ending and the next free number."""
    number = 1
    while (kept := path.with_name(f"{path.name}.{ending}-{number}")).exists():
        number += 1
    path.rename(kept)
    return kept
