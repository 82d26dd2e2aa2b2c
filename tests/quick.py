"""Which tests are quick: they load neither TensorFlow nor Prefect and start no process.

That is read from the imports of a test file, so that no list is kept. A test in a quick file that makes the library start
processes carries the mark `processes`. Every run refuses a quick test that starts one, so that neither can be forgotten.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.closure import ROOT, import_closure, imported_names

SLOW_PACKAGES = frozenset({"keras", "tensorflow", "prefect"})
"""Seconds each to load, wherever in the imports of a test file."""

SLOW_IN_TESTS = SLOW_PACKAGES | {"subprocess", "multiprocessing"}
"""What a test file, or a file of tests that it imports, needs to start processes."""

STARTS = frozenset({"os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"})
"""Names by which Python announces a new process (PEP 578)."""


class NotQuickError(Exception):
    """A quick test did what makes a test slow."""


@cache
def is_quick(path: Path) -> bool:
    """Whether a test file needs nothing slow, as far as its imports say."""
    closure = import_closure(path)
    own = {name for file in closure if file.is_relative_to(ROOT / "tests") for name in imported_packages(file)}
    return not own & SLOW_IN_TESTS and not any(imported_packages(file) & SLOW_PACKAGES for file in closure)


def imported_packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported_names(path)}


_running: list[str] = []
_imported: list[str] = []


@contextmanager
def nothing_slow(name: str) -> Iterator[None]:
    """While it lasts, the start of a process and the loading of a slow package are an error that names the test."""
    _running.append(name)
    try:
        with nothing_slow_loaded(name):
            yield
    finally:
        _running.remove(name)


@contextmanager
def nothing_slow_loaded(name: str) -> Iterator[None]:
    """While it lasts, the loading of a slow package is an error that names the test, or the file that is imported."""
    _imported.append(name)
    try:
        yield
    finally:
        _imported.remove(name)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if _running and event in STARTS:
        raise NotQuickError(f"{_running[-1]} is one of `make quick` and starts a process. Mark it: @pytest.mark.processes")
    if _imported and event == "import" and str(arguments[0]).partition(".")[0] in SLOW_PACKAGES:
        raise NotQuickError(
            f"{_imported[-1]} is one of `make quick` and loads {arguments[0]}. Import it at the top of the test file"
        )


sys.addaudithook(_refuse)
