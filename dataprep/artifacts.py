"""Files that one step hands to the next: whole or absent, never half, and marked with what they are.

Bytes go to a temporary name in the same folder, are flushed to disk together with the folder, and are renamed. A reader
refuses a file of another kind or format version and says which command rebuilds it.

A place may be a URL of any file system that fsspec knows. Object stores write an object whole; elsewhere a temporary name is
moved.
"""

import contextlib
import errno
import io
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError
from upath import UPath

from dataprep.errors import ArtifactError, first_five, in_short
from dataprep.unfinished import unfinished

Place: TypeAlias = Path | UPath
"""A file or folder of this machine, or one on any file system that fsspec knows."""

_LOCAL = ("file", "local")
_WRITES_WHOLE = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss", "http", "https", "memory")
"""Kinds of file systems on which a file is either the old one or the new one, without a temporary name."""

_ROWS_AT_ONCE = 2**14  # of a table, so that reading it takes little more memory than what is wanted of it
_NO_FLUSHING_HERE = (errno.EACCES, errno.EINVAL, errno.EBADF, errno.ENOTSUP)
"""What a system says that cannot flush a folder: Windows has no handle on one, some network file systems no such thing."""


class Document(BaseModel):
    """Base of the JSON files; each subclass sets `format_version: Literal[n]`, which its reader then insists on."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class TableFormat:
    """What a Parquet file holds: its kind, its version, the columns that it must have, the stage that makes it."""

    kind: str
    version: int
    columns: dict[str, pl.DataType]
    stage: str

    @property
    def mark(self) -> dict[str, str]:
        return {"darkroom": f"{self.kind} {self.version}"}


D = TypeVar("D", bound=Document)
P = TypeVar("P", Path, UPath)

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]+\.tmp", re.DOTALL)


def locate(place: str) -> Place:
    """The place that a path or a URL names.

    >>> locate("data/prepared"), locate("file:///data/prepared"), locate("memory://data/prepared").parent.name
    (PosixPath('data/prepared'), PosixPath('/data/prepared'), 'data')

    Raises:
        ArtifactError: fsspec does not know this kind of place, or lacks a package for it.
    """
    if "://" not in place:
        return Path(place)
    try:
        found = UPath(place)
        if found.protocol in _LOCAL:
            return Path(found.path)
        _ = found.fs  # which wants the package of that kind
    except (ImportError, ValueError) as error:
        raise ArtifactError(
            f"dvc.yaml: {place!r} must be a path or a URL that fsspec can open; {error}. Correct it or install what is missing"
        ) from error
    return found


def read_bytes(path: Place) -> bytes:
    """Reads a whole file.

    Raises:
        FileNotFoundError: it is not there.
        OSError: a local file cannot be read.
        ArtifactError: a file elsewhere cannot be read.
    """
    if isinstance(path, Path):
        return path.read_bytes()
    with _elsewhere(path):
        content: bytes = path.fs.cat_file(path.path)
    return content


def write_bytes(path: Place, pieces: Iterable[bytes | memoryview]) -> None:
    """Writes a whole file or nothing: temporary name, flush of file and folder, rename.

    Args:
        path: the file.
        pieces: of its content, one after the other.

    Raises:
        OSError: the disk is full, or the like; it names the file asked for, and the old file stays.
    """
    if isinstance(path, Path):
        _write({path: pieces})
    else:
        _write_elsewhere(path, b"".join(pieces))


def write_files(contents: Mapping[Path, bytes | memoryview]) -> None:
    """Writes whole files or none of them: nothing is renamed before all of them are on the disk.

    Raises:
        OSError: the disk is full, or the like; it names the file asked for, and the old files stay.
    """
    _write({path: [content] for path, content in contents.items()})


def _write(contents: Mapping[Path, Iterable[bytes | memoryview]]) -> None:
    temporaries = {path: _temporary(path) for path in contents}
    path = Path()
    try:
        with unfinished(list(temporaries.values())):
            for path, pieces in contents.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                with temporaries[path].open("xb") as file:
                    for piece in pieces:
                        file.write(piece)
                    file.flush()
                    os.fsync(file.fileno())
            for path, temporary in temporaries.items():
                temporary.replace(path)
    except OSError as error:
        # A failed write names no file, and a failed rename the temporary one.
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    for folder in {path.parent for path in contents}:
        _flush_folder(folder)


def _temporary(path: P) -> P:
    """Another name for each writer: two machines that share a folder may write the same file at once."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")


def remove_strays(output: Place) -> None:
    """Removes the temporary files that killed runs left of one output, a file or a folder of files."""
    for folder, start in ((output.parent, f".{output.name}."), (output, ".")):
        if isinstance(folder, Path):
            strays = [path for path in folder.iterdir() if _is_stray(path.name, start)] if folder.is_dir() else []
            for path in strays:
                path.unlink(missing_ok=True)
        elif folder.protocol not in _WRITES_WHOLE:
            with contextlib.suppress(FileNotFoundError), _elsewhere(folder):
                for name in _names_elsewhere(folder):
                    if _is_stray(name.rsplit("/", 1)[-1], start):
                        folder.fs.rm_file(name)


def _is_stray(name: str, start: str) -> bool:
    return name.startswith(start) and _TEMPORARY.fullmatch(name) is not None


def write_text(path: Place, text: str) -> None:
    """Writes text as UTF-8, whole or not at all."""
    write_bytes(path, [text.encode("utf-8")])


def append_text(path: Path, text: str) -> None:
    """Adds text at the end of a file. A machine that fails may lose it: it is for notes that a reader can do without."""
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text)


def write_document(path: Place, document: Document) -> None:
    """Writes a document as indented JSON, whole or not at all."""
    write_bytes(path, [encode_document(document)])


def encode_document(document: Document) -> bytes:
    """The bytes of a document."""
    return (document.model_dump_json(indent=1) + "\n").encode("utf-8")


def read_document(path: Place, kind: type[D], *, stage: str) -> D:
    """Reads a document of one kind.

    Raises:
        ArtifactError: the file is missing, damaged or of another format version.
    """
    try:
        return kind.model_validate_json(read_bytes(path))
    except FileNotFoundError as error:
        raise missing(path, stage) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ArtifactError(
            f"{path} is not a {kind.__name__} that this version reads ({where}: {first['msg']}). Run: dvc repro {stage}"
        ) from error


def write_table(path: Place, frame: pl.DataFrame, form: TableFormat) -> None:
    """Writes a table as Parquet, whole or not at all; the same frame gives the same bytes."""
    write_bytes(path, [encode_table(frame, form)])


def encode_table(frame: pl.DataFrame, form: TableFormat) -> memoryview:
    """The bytes of a table."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", row_group_size=_ROWS_AT_ONCE, metadata=form.mark)
    return buffer.getbuffer()


def read_table(path: Place, form: TableFormat, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Reads a table of one kind, all of its columns or some.

    Raises:
        ArtifactError: the file is missing, damaged, or of another kind or format version.
    """
    try:
        file = path if isinstance(path, Path) else io.BytesIO(read_bytes(path))
        mark = pl.read_parquet_metadata(file).get("darkroom")
        frame = pl.read_parquet(file, columns=None if columns is None else list(columns))
    except FileNotFoundError as error:
        raise missing(path, form.stage) from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise ArtifactError(f"{path} cannot be read as Parquet ({error}). Run: dvc repro {form.stage}") from error
    if mark != form.mark["darkroom"]:
        raise ArtifactError(f"{path}: expected the format {form.mark['darkroom']!r}; got {mark!r}. Run: dvc repro {form.stage}")
    lacking = [name for name in columns or form.columns if name not in frame.columns]
    if lacking:
        raise ArtifactError(f"{path} lacks the columns {first_five(lacking)}. Run: dvc repro {form.stage}")
    return frame


def missing(path: Place, stage: str) -> ArtifactError:
    """Makes the error for a file that an earlier stage should have made."""
    return ArtifactError(f"{path} is missing. Run: dvc repro {stage}")


def remove_stale(folder: Place, keep: set[str]) -> None:
    """Removes the files of a folder whose names are not in `keep`: leftovers of an earlier run or of a killed one."""
    if not isinstance(folder, Path):
        with _elsewhere(folder):
            for name in _names_elsewhere(folder):
                if name.rsplit("/", 1)[-1] not in keep:
                    folder.fs.rm_file(name)
        return
    for path in sorted(folder.iterdir()):
        if path.name not in keep:
            path.unlink()


def _names_elsewhere(folder: UPath) -> list[str]:
    """Full paths of what is in a folder, as it is now."""
    folder.fs.invalidate_cache()
    return [name.rstrip("/") for name in folder.fs.ls(folder.path, detail=False)]


def _write_elsewhere(path: UPath, content: bytes) -> None:
    with _elsewhere(path):
        if path.protocol in _WRITES_WHOLE:
            path.fs.pipe_file(path.path, content)
            return
        path.fs.makedirs(path.parent.path, exist_ok=True)
        temporary = _temporary(path).path
        try:
            path.fs.pipe_file(temporary, content)
            path.fs.mv(temporary, path.path)
        except BaseException:
            with contextlib.suppress(Exception):  # what went wrong before is what the user must know
                path.fs.rm_file(temporary)
            raise


@contextlib.contextmanager
def _elsewhere(path: UPath) -> Iterator[None]:
    """Makes one line of whatever a file system elsewhere raises; that a file is missing stays what it is."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ArtifactError(
            f"{path} cannot be read or written ({in_short(error)}). Check the network, the account and its rights"
        ) from error


def _flush_folder(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _NO_FLUSHING_HERE:
            raise
