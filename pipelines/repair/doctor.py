"""What a kill, a merge or a copied folder may have left that stops DVC, and how it is mended without losing what was made.

DVC writes dvc.lock and the list of its running processes in place. A torn one ends every later `dvc repro` before it runs a
stage.
"""

import contextlib
import os
import re
import stat
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dataprep.core.artifacts import write_bytes
from dataprep.core.errors import first_five
from dataprep.source.remote_folder import is_url
from pipelines.parameters.params import PARAMS_FILE
from pipelines.repair.damaged_or_foreign_data import look_at_cache, look_at_manifest
from pipelines.repair.trouble import Trouble, keep_beside
from pipelines.workspace.at_work import DVC_TEMPORARY, HOLDERS, at_rest, hard_links, is_alive, read_holders
from pipelines.workspace.dvc_graph import Outputs, cache_folder, declared_outputs, output_path, read_stages
from pipelines.workspace.dvc_lock_backup import DVC_LOCK, LOCK_COPY, has_conflict
from pipelines.workspace.repository_checks import need_repository

_OWN_STRAY = re.compile(r"\..+\.[0-9a-f]{16}\.tmp", re.DOTALL)
_DVC_STRAY = re.compile(r".*\.[\w-]{22}\.tmp", re.DOTALL)
"""Temporary names: those of dataprep/core/artifacts.py, and those of DVC beside outputs and in its cache."""

_CACHE = Path(".dvc/cache")
_STRAY_SECONDS = 24 * 3600.0
"""A temporary file that was written later may be that of a run at work elsewhere."""


class _Entry(BaseModel):
    """A dependency or an output. DVC knows more keys."""

    path: str


class _Stage(BaseModel):
    model_config = ConfigDict(extra="forbid")

    cmd: str | list[str]
    deps: list[_Entry] = Field(default_factory=list)
    params: dict[str, dict[str, object]] = Field(default_factory=dict)
    outs: list[_Entry] = Field(default_factory=list)


class _Lock(BaseModel):
    """What DVC insists on in dvc.lock."""

    model_config = ConfigDict(extra="forbid")

    schema_: Literal["2.0"] = Field(alias="schema")
    datasets: object = None
    stages: dict[str, _Stage] = Field(default_factory=dict)


def explain_troubles(*, deep: bool) -> Iterator[str]:
    """Yields one line for each trouble, with the command that mends it.

    Args:
        deep: also reads DVC's cache and the manifest.

    Raises:
        LockError: a run is at work in this folder; what it is just writing is not torn.
        GraphError: dvc.yaml is missing or cannot be read.
        RepositoryError: DVC would not start here.
    """
    with _looking(deep=deep) as troubles:
        yield from map(str, troubles)


def mend_troubles(*, deep: bool) -> Iterator[str]:
    """Mends each trouble that can be mended here, and yields one line for each as soon as it is mended.

    Args:
        deep: also reads DVC's cache and the manifest.

    Raises:
        LockError: a run is at work in this folder.
        GraphError: dvc.yaml is missing or cannot be read.
        RepositoryError: DVC would not start here.
    """
    with _looking(deep=deep) as troubles:
        for trouble in troubles:
            yield trouble.mended()


@contextlib.contextmanager
def _looking(*, deep: bool) -> Iterator[list[Trouble]]:
    outputs = declared_outputs(read_stages())
    need_repository()
    cache = cache_folder() if deep else None
    with at_rest():
        troubles = list(find_troubles(outputs, deep=deep))
        if cache is not None:
            places = [Path(path) for _, path in sorted(outputs) if not is_url(path)]
            troubles += look_at_cache(cache, places)
            troubles += look_at_manifest(output_path("ingest", "manifest.parquet"), places)
        yield troubles


def find_troubles(outputs: Outputs, *, deep: bool) -> Iterator[Trouble]:
    """Looks at what DVC needs to start, and for what killed runs left; opens no output. Wants a folder `at_rest`.

    Args:
        outputs: from `declared_outputs`.
        deep: also looks for temporary files in DVC's cache.
    """
    yield from _look_at_lock(outputs)
    yield from _look_at_holders()
    yield from _look_at_hard_links()
    yield from _look_for_strays(outputs, deep=deep)


def fault_of(content: bytes, outputs: Outputs) -> str | None:
    """What is wrong with the content of a dvc.lock; None if DVC can read it and it is of this project."""
    if not content.strip(b"\0 \n"):
        return "empty"
    if has_conflict(content):
        return "it holds the marks of a merge that is not finished"
    try:
        document = YAML(typ="safe").load(content.decode())  # the parser of DVC
        if not isinstance(document, Mapping):
            return "torn, or no lock file of DVC (it holds no stages)"
        lock = _Lock.model_validate(document)
    except (YAMLError, ValueError, TypeError) as error:
        return f"torn, or no lock file of DVC ({_short(error)})"
    last = next(reversed(lock.stages), None)
    makes_something = any(stage == last for stage, _ in outputs)
    if not content.endswith(b"\n") or (last is not None and makes_something and not lock.stages[last].outs):
        return f"torn: it ends in the middle of the stage {last}"
    made = {(stage, out.path) for stage, locked in lock.stages.items() for out in locked.outs}
    if made and made.isdisjoint(outputs):
        return f"of another project: dvc.yaml does not make {first_five(sorted({path for _, path in made}))}"
    return None


def _look_at_lock(outputs: Outputs) -> Iterator[Trouble]:
    if DVC_LOCK.exists():
        fault = fault_of(DVC_LOCK.read_bytes(), outputs)
        if fault is not None:
            ending = "foreign" if fault.startswith("of another") else "torn"
            yield Trouble(DVC_LOCK, fault, partial(_restore_lock, outputs, ending))


def _restore_lock(outputs: Outputs, ending: str) -> str:
    """An older dvc.lock makes DVC run a stage again or take it from its run cache; the bytes are the same in the end."""
    for content, source in _earlier_locks():
        if fault_of(content, outputs) is None:
            kept = keep_beside(DVC_LOCK, ending)
            write_bytes(DVC_LOCK, [content])
            return f"restored from {source}; what was there is {kept}"
    return f"moved to {keep_beside(DVC_LOCK, ending)}; there is no earlier one, and dvc repro writes it anew"


def _earlier_locks() -> Iterator[tuple[bytes, str]]:
    """What dvc.lock was before, latest first."""
    if LOCK_COPY.is_file():
        yield LOCK_COPY.read_bytes(), f"{LOCK_COPY}, the copy of the last whole one"
    with contextlib.suppress(FileNotFoundError):  # no Git on this machine
        command = ["git", "show", f"HEAD:./{DVC_LOCK}"]
        shown = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  # the arguments are our own
        if shown.returncode == 0:
            yield shown.stdout, "the last commit"


def _look_at_holders() -> Iterator[Trouble]:
    try:
        dead = [holder for holder in read_holders().all() if not is_alive(holder)]
    except ValueError as error:
        yield Trouble(HOLDERS, f"DVC's list of its processes is torn ({_short(error)})", partial(_move_aside, HOLDERS))
    else:
        if dead:
            listed = first_five(f"{holder.pid} {holder.cmd}" for holder in dead)
            yield Trouble(HOLDERS, f"DVC's list of its processes names dead ones: {listed}", _clear_holders)


def _clear_holders() -> str:
    write_bytes(HOLDERS, [b"{}"])
    return "cleared"


def _move_aside(path: Path) -> str:
    return f"moved to {keep_beside(path, 'torn')}; DVC writes it anew"


def _look_at_hard_links() -> Iterator[Trouble]:
    for lock, claim in hard_links().items():
        yield Trouble(lock, "a lock of DVC whose process is dead", partial(_remove, [lock, claim]))


def _look_for_strays(outputs: Outputs, *, deep: bool) -> Iterator[Trouble]:
    """Another DVC may be writing here: `dvc exp run --temp`, a worker of a queue, a project that shares the cache. So only old
    files count, DVC's cache is left alone in a quick look, and no link is followed out of a folder.
    """
    places = [Path(path) for _, path in sorted(outputs) if not is_url(path)]
    flat = {LOCK_COPY.parent, DVC_TEMPORARY, *(place.parent for place in places)} - {Path()}
    nested = {*places, _CACHE} if deep else set(places)
    named = tuple({*(place.name for place in places), DVC_LOCK.name, PARAMS_FILE.name})
    found = {path for path in Path().glob("*.tmp") if path.name.removeprefix(".").startswith(named)}
    found |= {path for folder in flat if _is_folder(folder) for path in folder.glob("*.tmp")}
    found |= {path for folder in nested if _is_folder(folder) for path in _files_below(folder)}
    strays = sorted(filter(_is_stray, found))
    for folder in sorted({path.parent for path in strays}):
        here = [path for path in strays if path.parent == folder]
        listed = first_five(path.name for path in here)
        yield Trouble(folder, f"temporary files of killed runs: {listed}", partial(_remove, here))


def _is_folder(path: Path) -> bool:
    """Whether it is a folder of this project, and not a link or below one, as to a shared cache or a disk of data."""
    return path.is_dir() and not any(part.is_symlink() for part in (path, *path.parents))


def _files_below(folder: Path) -> Iterator[Path]:
    for inner, _, names in os.walk(folder):  # which follows no links
        yield from (Path(inner, name) for name in names)


def _is_stray(path: Path) -> bool:
    if not (_OWN_STRAY.fullmatch(path.name) or _DVC_STRAY.fullmatch(path.name)):
        return False
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and time.time() - status.st_mtime > _STRAY_SECONDS


def _remove(files: Iterable[Path]) -> str:
    for path in files:
        path.unlink(missing_ok=True)
    return "removed"


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return ": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))
    return " ".join(str(error).split())[:200]
