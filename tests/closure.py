"""What a module of this project imports, read from its source: nothing is run."""

import ast
from collections.abc import Callable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("dataprep", "models", "pipelines")
SHIPPED = ROOT / "recipes/defaults/params.yaml"
"""Tests read these parameters: the params.yaml in the project's root is the user's."""


@cache
def imported_names(path: Path) -> set[str]:
    """Dotted names of all that a file imports, wherever in it the import stands."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@cache
def module_path(name: str) -> Path | None:
    """The file of a module of this project or its tests, of a package its `__init__.py`; None for anything else."""
    if name.split(".")[0] not in (*PACKAGES, "tests"):
        return None
    path = ROOT / Path(*name.split("."))
    return next((own for own in (path.with_suffix(".py"), path / "__init__.py") if own.is_file()), None)


def import_closure(path: Path, without: Callable[[Path], bool] = lambda _: False) -> set[Path]:
    """The file and every file of this project that it imports, directly or not; what is left out is not followed."""
    closure: set[Path] = set()
    pending = [path]
    while pending:
        current = pending.pop()
        if current not in closure and not without(current):
            closure.add(current)
            pending += filter(None, map(module_path, imported_names(current)))
    return closure
