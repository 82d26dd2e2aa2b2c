"""Earlier versions of the split table: DVC deletes the old one before the stage runs, so each is kept aside under its MD5."""

import hashlib
import re
import subprocess
from pathlib import Path

import polars as pl

from dataprep.core.artifacts import write_bytes
from dataprep.core.errors import DarkroomError
from dataprep.store.split_table import read_split
from pipelines.workspace.dvc_graph import cache_folder

_KEPT = 3
_LOCKED = r"path: {path}\n\s+hash: md5\n\s+md5: (?P<md5>[0-9a-f]{{32}})\n"


def read_earlier(split: Path, kept: Path) -> tuple[pl.DataFrame, str] | None:
    """The split that the last commit names in its dvc.lock, else the last one that was made here.

    Args:
        split: the output of the stage.
        kept: the folder with earlier versions.

    Returns:
        Columns id and split, and what the version is called; None where there is none that can be read.
    """
    committed = _committed_md5(split)
    found = _copy_of(committed, kept) if committed else None
    candidates = [(found, "the last commit")] if found else []
    candidates += [(path, "the last run in this folder") for path in _newest_first(kept)[:1]]
    for path, name in candidates:
        try:
            return read_split(path, ["id", "split"]), name
        except DarkroomError:  # of an earlier format version, or damaged: nothing to compare with
            continue
    return None


def keep(content: bytes | memoryview, kept: Path) -> None:
    """Keeps a version aside, and of the earlier ones the newest few."""
    path = kept / f"{hashlib.md5(content, usedforsecurity=False).hexdigest()}.parquet"
    write_bytes(path, [content])
    for stale in _newest_first(kept)[_KEPT:]:
        stale.unlink(missing_ok=True)


def _newest_first(kept: Path) -> list[Path]:
    return sorted(kept.glob("*.parquet"), key=lambda path: path.stat().st_mtime_ns, reverse=True)


def _committed_md5(split: Path) -> str | None:
    """The MD5 of the split in the dvc.lock of the last commit; None where there is no Git, no commit or no such line."""
    try:
        shown = subprocess.run(["git", "show", "HEAD:./dvc.lock"], capture_output=True, check=False)  # noqa: S607  # the user's Git
    except OSError:
        return None
    match = re.search(_LOCKED.format(path=re.escape(split.as_posix())), shown.stdout.decode("utf-8", "replace"))
    return match["md5"] if match else None


def _copy_of(md5: str, kept: Path) -> Path | None:
    path = kept / f"{md5}.parquet"
    if path.is_file():
        return path
    try:
        path = cache_folder() / "files/md5" / md5[:2] / md5[2:]
    except DarkroomError:  # also where another DVC is at work: the comparison is left out
        return None
    return path if path.is_file() else None
