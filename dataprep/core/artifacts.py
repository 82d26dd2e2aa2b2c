"""Files that one step hands to the next: whole or absent, never half, and marked with their kind and format version.

Bytes are written to a temporary name in the same folder, flushed to disk together with the folder, and renamed. A reader
refuses a file of another kind or format version and says which command rebuilds it.

A place may be a URL of any file system that fsspec knows. Object stores write an object as a whole; on other file systems a
file is written under a temporary name and moved.
"""

import contextlib
import errno
import io
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from upath import UPath

from dataprep.core.column_constraints import Values, first_mistake
from dataprep.core.errors import ArtifactError, first_five, in_short, on_one_line, shortened
from dataprep.core.exit_cleanup import unfinished

Place: TypeAlias = Path | UPath
"""A file or folder of this machine, or one on any file system that fsspec knows."""

_LOCAL = ("file", "local")
_WRITES_WHOLE = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss", "http", "https", "memory")
"""Kinds of file systems that replace a file as a whole, so that no temporary name is needed."""

Count: TypeAlias = Annotated[int, Field(ge=0, le=2**62)]
"""A number of images and the like, in a document."""
Fraction: TypeAlias = Annotated[float, Field(ge=0, le=1)]
"""A fraction of images and the like, or a probability, in a document."""
Interval: TypeAlias = tuple[Fraction, Fraction]
"""Lower and upper end of an interval of an accuracy."""

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}
_REFUSALS = {errno.ENXIO: "a socket or a device", errno.ELOOP: "a link that leads in a circle", errno.EISDIR: "a folder"}
"""What is there instead of a file, by the error of opening it."""

_LARGEST_DOCUMENT = 2**26  # bytes; the index of 100,000 shards is half of that
_ROWS_PER_BYTE = 8  # numbered ids are packed into about a byte; a file of many more rows is a bomb

_ROWS_AT_ONCE = 2**14  # of a table, so that reading some columns takes little more memory than these
_NO_FLUSHING_HERE = (errno.EACCES, errno.EINVAL, errno.EBADF, errno.ENOTSUP)
"""Errors of systems that cannot flush a folder: Windows opens none, and some network file systems do not offer it."""


class Document(BaseModel):
    """Base of the JSON files; each subclass sets `format_version: Literal[n]`, which its reader then insists on."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Family:
    """Columns beside those that a format names: of one prefix ("" is any), type and allowed values."""

    prefix: str
    kind: pl.DataType
    values: Values


@dataclass(frozen=True, slots=True)
class TableFormat:
    """What a Parquet file holds.

    Attributes:
        kind: name of the format.
        version: of the format.
        columns: names and types of the columns that it must have.
        stage: the stage that makes it.
        values: allowed values by column; a column that is not listed here may hold nulls.
        rules: expressions that are true or null in each row, by the sentence that they check.
        family: more columns, whose names the format does not know.
    """

    kind: str
    version: int
    columns: dict[str, pl.DataType]
    stage: str
    values: Mapping[str, Values] = field(default_factory=dict)
    rules: Mapping[str, pl.Expr] = field(default_factory=dict)
    family: Family | None = None

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
        _ = found.fs  # imports the package for that kind
    except (ImportError, ValueError) as error:
        raise ArtifactError(
            f"dvc.yaml: {place!r} must be a path or a URL that fsspec can open; {error}. Correct it or install what is missing"
        ) from error
    return found


def open_file(path: Path) -> io.FileIO:
    """Opens a file of this machine for reading; a pipe or anything else that is no file is refused, and does not block.

    Raises:
        FileNotFoundError: it does not exist.
        OSError: it cannot be read.
        ArtifactError: it is a pipe, a device, a socket, a folder, or a link in a circle.
    """
    try:
        file = io.FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except OSError as error:
        if error.errno in _REFUSALS:
            raise _no_file(path, _REFUSALS[error.errno]) from error
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    kind = stat.S_IFMT(os.fstat(file.fileno()).st_mode)
    if kind != stat.S_IFREG:
        file.close()
        raise _no_file(path, _KINDS.get(kind, "something else"))
    return file


def read_bytes(path: Place, *, most: int | None = None) -> bytes:
    """Reads a whole file.

    Args:
        path: the file.
        most: the largest allowed number of bytes, for a file of this machine.

    Raises:
        FileNotFoundError: it does not exist.
        OSError: a local file cannot be read.
        ArtifactError: a file on another file system cannot be read; a local one is too large, or no file.
    """
    if isinstance(path, Path):
        with open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            if most is not None and size > most:
                raise ArtifactError(f"{path} must have at most {most:,} bytes; it has {size:,}. Remove it, then run: dvc repro")
            return file.readall()
    with _elsewhere(path):
        content: bytes = path.fs.cat_file(path.path)
    return content


def write_bytes(path: Place, pieces: Iterable[bytes | memoryview]) -> None:
    """Writes a whole file or nothing: under a temporary name, then flushed with its folder, then renamed.

    Args:
        path: the file.
        pieces: the parts of its content, in order.

    Raises:
        OSError: the disk is full, or the like. The error names `path`, and the old file stays.
    """
    if isinstance(path, Path):
        _write({path: pieces})
    else:
        _write_elsewhere(path, b"".join(pieces))


def write_files(contents: Mapping[Path, bytes | memoryview]) -> None:
    """Writes several whole files or none: no file is renamed before all are on the disk.

    Raises:
        OSError: the disk is full, or the like. The error names one of the files, and the old files stay.
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
        # The error of a failed write names no file, and that of a failed rename the temporary one.
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    for folder in {path.parent for path in contents}:
        _flush_folder(folder)


def _temporary(path: P) -> P:
    """A random name, since two machines that share a folder may write the same file at once."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")


def remove_strays(output: Place) -> None:
    """Removes the temporary files that killed runs left of one output (a file, or a folder of files)."""
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
    """Adds text at the end of a file. If the machine fails, the text may be lost: it is for notes that are not essential."""
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
        ArtifactError: the file is missing, damaged or of another format version, or holds values that are not allowed.
    """
    try:
        return kind.model_validate_json(read_bytes(path, most=_LARGEST_DOCUMENT), strict=True)
    except FileNotFoundError as error:
        raise missing(path, stage) from error
    except ValidationError as error:
        raise ArtifactError(
            f"{path} is not a {kind.__name__} that this version reads ({_first_of(error)}). Run: dvc repro {stage}"
        ) from error


def _first_of(error: ValidationError) -> str:
    """Place and kind of the first mistake in a document."""
    first = error.errors(include_url=False, include_input=False)[0]
    words = first["msg"].removeprefix("Value error, ")
    where = ".".join(str(part) for part in first["loc"])
    return on_one_line(f"{where}: {words}" if where else words)


def write_table(path: Place, frame: pl.DataFrame, form: TableFormat) -> None:
    """Writes a table as Parquet, whole or not at all; the same frame gives the same bytes."""
    write_bytes(path, [encode_table(frame, form)])


def encode_table(frame: pl.DataFrame, form: TableFormat) -> memoryview:
    """The bytes of a table."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", row_group_size=_ROWS_AT_ONCE, metadata=form.mark)
    return buffer.getbuffer()


def read_table(path: Place, form: TableFormat, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Reads a table of one kind, all of its columns or some, and checks them against the format.

    Raises:
        ArtifactError: the file is missing, damaged, of another kind or format version, or holds values that are not allowed.
    """
    try:
        file, num_bytes = _whole_file(path)
        _check_form(path, form, file, num_bytes)
        frame = pl.read_parquet(file, columns=None if columns is None else list(columns))
    except FileNotFoundError as error:
        raise missing(path, form.stage) from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise ArtifactError(f"{path} cannot be read as Parquet ({in_short(error)}). Run: dvc repro {form.stage}") from error
    check_table(path, frame, form)
    return frame


def check_table(path: Place, frame: pl.DataFrame, form: TableFormat) -> None:
    """Checks the values of a table, or of some of its columns, against its format.

    Raises:
        ArtifactError: a value is not allowed.
    """
    values = dict(form.values)
    if form.family:
        more = [name for name in frame.columns if name not in form.columns and name.startswith(form.family.prefix)]
        values |= dict.fromkeys(more, form.family.values)
    mistake = first_mistake(frame, values, form.rules)
    if mistake:
        raise ArtifactError(f"{path}, {mistake}. Run: dvc repro {form.stage}")


def _whole_file(path: Place) -> tuple[Path | io.BytesIO, int]:
    """What polars reads from, and its number of bytes. A pipe is refused, since polars would wait for it for ever."""
    if not isinstance(path, Path):
        content = read_bytes(path)
        return io.BytesIO(content), len(content)
    with open_file(path) as file:
        return path, os.fstat(file.fileno()).st_size


def _check_form(path: Place, form: TableFormat, file: Path | io.BytesIO, num_bytes: int) -> None:
    """Checks the metadata at the end of a Parquet file, before a row is read."""
    mark = pl.read_parquet_metadata(file).get("darkroom")
    if mark != form.mark["darkroom"]:
        raise ArtifactError(
            f"{path}: expected the format {form.mark['darkroom']!r}; got {shortened(mark)}. Run: dvc repro {form.stage}"
        )
    found = pl.read_parquet_schema(file)
    missing_columns = [name for name in form.columns if name not in found]
    if missing_columns:
        raise ArtifactError(f"{path} lacks the columns {first_five(missing_columns)}. Run: dvc repro {form.stage}")
    for name, kind in found.items():
        expected = form.columns.get(name)
        if expected is None and form.family and name.startswith(form.family.prefix):
            expected = form.family.kind
        if expected != kind:
            mistake = f"must be {expected}; it is {kind}" if expected else "is no column of this table"
            raise ArtifactError(f"{path}: {shortened(name)} {mistake}. Run: dvc repro {form.stage}")
    num_rows = pl.scan_parquet(file).select(pl.len()).collect().item()
    if num_rows > _ROWS_PER_BYTE * num_bytes:
        raise ArtifactError(
            f"{path} must have rows that fit its {num_bytes:,} bytes; it claims {num_rows:,}. Run: dvc repro {form.stage}"
        )


def _no_file(path: Path, kind: str) -> ArtifactError:
    return ArtifactError(f"{path} must be a file; it is {kind}. Remove it, then run the same again")


def missing(path: Place, stage: str) -> ArtifactError:
    """Makes the error for a file that an earlier stage should have made."""
    return ArtifactError(f"{path} is missing. Run: dvc repro {stage}")


def remove_stale(folder: Place, keep: set[str]) -> None:
    """Removes the files of a folder whose names are not in `keep`: leftovers of earlier or killed runs."""
    if not isinstance(folder, Path):
        with _elsewhere(folder):
            for name in _names_elsewhere(folder):
                if name.rsplit("/", 1)[-1] not in keep:
                    folder.fs.rm_file(name)
        return
    for path in sorted(folder.iterdir()):
        if path.name not in keep:
            path.unlink()


def file_sizes(folder: Place, names: Iterable[str]) -> dict[str, int]:
    """The number of bytes of each file that exists.

    Raises:
        ArtifactError: one of them is no file, or the folder is on another file system and cannot be listed.
    """
    sizes: dict[str, int] = {}
    if not isinstance(folder, Path):
        with contextlib.suppress(FileNotFoundError), _elsewhere(folder):
            folder.fs.invalidate_cache()
            listed = {entry["name"].rsplit("/", 1)[-1]: entry["size"] for entry in folder.fs.ls(folder.path, detail=True)}
            sizes = {name: listed[name] for name in names if name in listed}
        return sizes
    for name in names:
        with contextlib.suppress(FileNotFoundError), open_file(folder / name) as file:
            sizes[name] = os.fstat(file.fileno()).st_size
    return sizes


def _names_elsewhere(folder: UPath) -> list[str]:
    """Full paths of all that is in a folder now, past the cache of fsspec."""
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
            with contextlib.suppress(Exception):  # the first error is the one to report
                path.fs.rm_file(temporary)
            raise


@contextlib.contextmanager
def _elsewhere(path: UPath) -> Iterator[None]:
    """Turns any error of another file system into one line; FileNotFoundError stays as it is."""
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
