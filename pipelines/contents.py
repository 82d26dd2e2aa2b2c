"""What only the files themselves show: a damaged copy in DVC's cache, and data of another project."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from dataprep.core.errors import DarkroomError
from dataprep.source.remote_folder import is_url
from pipelines.params import read_params
from pipelines.trouble import Trouble, keep_beside
from pipelines.verify import hash_files

DAMAGED = Path(".darkroom/damaged")
"""Where damaged copies are moved: in the cache DVC would find them again."""

_COPY = re.compile(r"[0-9a-f]{30}(\.dir)?")
_ASKED = 100  # files of a manifest that are looked for in the raw folder


def look_at_cache(cache: Path, outputs: Iterable[Path]) -> Iterator[Trouble]:
    """Reads all of DVC's cache.

    Args:
        cache: DVC's.
        outputs: files and folders that may hold what a damaged copy held.

    Yields:
        Each copy that is not what its name says.
    """
    copies = [path for path in sorted((cache / "files/md5").glob("??/*")) if _COPY.fullmatch(path.name) and path.is_file()]
    damaged = [entry.path for entry in hash_files(copies) if entry.md5 != entry.path.parent.name + entry.path.name]
    if not damaged:
        return
    files = [path for place in outputs for path in ([place] if place.is_file() else place.rglob("*")) if path.is_file()]
    own = {path.resolve() for path in damaged}  # an output may be a link to its copy
    whole = {entry.md5: entry.path for entry in hash_files(path for path in files if path.resolve() not in own)}
    for copy in damaged:
        source = whole.get(copy.parent.name + copy.name)
        yield Trouble(copy, "the copy in DVC's cache is not what its name says", partial(_replace, copy, source))


def look_at_manifest(manifest: Path, outputs: Iterable[Path]) -> Iterator[Trouble]:
    """Looks whether the files that a manifest lists are in the raw folder; without one on this machine, nothing is said.

    Args:
        manifest: of ingest.
        outputs: of all stages; those beside the manifest are of the same project as it is.
    """
    import polars as pl  # which takes longer than a quick look should

    try:
        source = read_params().ingest.source
        ids = pl.read_parquet(manifest, columns=["id"])["id"].to_list() if manifest.is_file() else []
    except (DarkroomError, pl.exceptions.PolarsError, OSError):
        return  # the stages say what is wrong with these
    if is_url(source) or not Path(source).is_dir() or not ids:
        return
    asked = ids[:: max(1, len(ids) // _ASKED)]
    if not any(os.path.lexists(Path(source) / name) for name in asked):
        beside = [path for path in outputs if path.parent == manifest.parent and path.exists()]
        what = f"of another project or raw folder: of {len(asked)} files that it lists none is in {source}"
        yield Trouble(manifest, what, partial(_move_all, beside))


def _replace(copy: Path, source: Path | None) -> str:
    DAMAGED.mkdir(parents=True, exist_ok=True)
    kept = DAMAGED / (copy.parent.name + copy.name)
    shutil.move(copy, kept)
    if source is None:
        return f"moved to {kept}; dvc repro makes it anew where it is needed, dvc commit the list of a folder"
    temporary = copy.with_name(f".{'0' * 22}.tmp")
    shutil.copyfile(source, temporary)
    temporary.chmod(0o444)  # as DVC protects its copies
    temporary.rename(copy)
    return f"copied anew from {source}; what was there is {kept}"


def _move_all(paths: Iterable[Path]) -> str:
    kept = [str(keep_beside(path, "foreign")) for path in sorted(paths)]
    return f"moved to {', '.join(kept)}; dvc repro makes this project's"
