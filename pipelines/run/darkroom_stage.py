"""The program `darkroom-stage`: runs a stage of the installed package, in whatever folder the project is.

A stage settles the environment before its first import, so it gets a fresh interpreter, in the place of this one. With `-P` no
module of the current folder is imported: a project may have a folder `models/` of its own.
"""

import os
import sys
from pathlib import Path

_STAGES = Path(__file__).parents[1] / "stages"


def main() -> None:
    """Becomes `python -P -m pipelines.stages.<name> <options>`; exit code 2 where there is no such stage."""
    name, *options = sys.argv[1:] or [""]
    known = sorted(path.stem for path in _STAGES.glob("[a-z]*.py"))
    if name not in known:
        print(
            f"error: darkroom-stage must have the name of a stage; got {name!r}. Use one of: {', '.join(known)}",
            file=sys.stderr,
        )
        sys.exit(2)
    os.execv(sys.executable, [sys.executable, "-P", "-m", f"pipelines.stages.{name}", *options])  # noqa: S606  # our own program
