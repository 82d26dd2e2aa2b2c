"""What only the files themselves show: a damaged copy in DVC's cache, and data of another project."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dataprep.core.errors import DarkroomError
from dataprep.core.name_encoding import encode_name
from dataprep.source.raw_folder import EMBEDDED, locate_folder
from pipelines.parameters.params import read_params
from pipelines.repair.trouble import Trouble, free_name, keep_beside
from pipelines.repair.verify import hash_files
from pipelines.workspace.dvc_lock_backup import DVC_LOCK

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


def look_at_manifest(manifest: Path, outputs: Iterable[Path], lock: Path = DVC_LOCK) -> Iterator[Trouble]:
    """Looks whether the files that a manifest lists are in the raw folder.

    Data are moved aside only where dvc.lock is of this very source and of another manifest. Else the source may have been
    edited since, or the raw folder changed: then the data are this project's.

    Args:
        manifest: of ingest.
        outputs: of all stages; those beside the manifest are of the same project as it is.
        lock: says from which source the last run made which manifest.
    """
    import polars as pl  # which takes longer than a quick look should

    try:
        named = read_params().ingest.source
        source = locate_folder(named)
        paths = pl.read_parquet(manifest, columns=["path"])["path"].to_list() if manifest.is_file() else []
    except (DarkroomError, pl.exceptions.PolarsError, OSError):
        return  # the stages say what is wrong with these
    if named.startswith(EMBEDDED) or not isinstance(source, Path) or not paths:
        return
    if not _holds_anything(source):
        yield Trouble(source, "the raw folder is missing or empty: is it mounted? Mount it, or correct ingest.source", None)
        return
    asked = paths[:: max(1, len(paths) // _ASKED)]
    if any(os.path.lexists(os.path.join(encode_name(source), path)) for path in asked):  # names are bytes
        return
    missing = f"of {len(asked)} files that it lists none is in {named}"
    if _is_foreign(manifest, named, lock):
        beside = [path for path in outputs if path.parent == manifest.parent and path.exists()]
        yield Trouble(manifest, f"of another project: {missing}", partial(_move_all, beside))
    else:
        what = f"{missing}: ingest.source or that folder was changed since, or {manifest.parent} is of another project"
        yield Trouble(manifest, f"{what}. To make it anew, run: dvc repro", None)


def _holds_anything(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(True for _ in entries)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # it is there, and ingest says why it cannot be read
        return True


def _is_foreign(manifest: Path, source: str, lock: Path) -> bool:
    """Whether the last run had this source and made another manifest than the one that is there."""
    try:
        ingest = YAML(typ="safe").load(lock.read_text(encoding="utf-8"))["stages"]["ingest"]
        params = ingest["params"]["params.yaml"]
        locked = params["ingest.source"] if "ingest.source" in params else params["ingest"]["source"]
        made = {out["md5"] for out in ingest["outs"] if out["path"] == manifest.as_posix()}
    except (OSError, YAMLError, LookupError, TypeError, ValueError):
        return False
    return bool(locked == source and made and made.isdisjoint(entry.md5 for entry in hash_files([manifest])))


def _replace(copy: Path, source: Path | None) -> str:
    DAMAGED.mkdir(parents=True, exist_ok=True)
    kept = DAMAGED / (copy.parent.name + copy.name)
    if os.path.lexists(kept):  # of an earlier mending
        kept = free_name(kept, "damaged")
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
