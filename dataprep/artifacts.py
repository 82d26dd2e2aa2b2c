"""Files that one step hands to the next: whole or absent, never half, and marked with what they are.

Bytes go to a temporary name in the same folder, are flushed to disk together with the folder, and are renamed. A reader
refuses a file of another kind or format version and says which command rebuilds it.
"""

import contextlib
import io
import os
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from dataprep.errors import ArtifactError, first_five

_ROWS_AT_ONCE = 2**14  # of a table, so that reading it takes little more memory than what is wanted of it


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

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]+\.tmp", re.DOTALL)


def write_bytes(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Writes a whole file or nothing: temporary name, flush of file and folder, rename.

    Args:
        path: the file.
        pieces: of its content, one after the other.

    Raises:
        OSError: the disk is full, or the like; it names the file asked for, and the old file stays.
    """
    _write({path: pieces})


def write_files(contents: Mapping[Path, bytes | memoryview]) -> None:
    """Writes whole files or none of them: nothing is renamed before all of them are on the disk.

    Raises:
        OSError: the disk is full, or the like; it names the file asked for, and the old files stay.
    """
    _write({path: [content] for path, content in contents.items()})


def _write(contents: Mapping[Path, Iterable[bytes | memoryview]]) -> None:
    temporaries: dict[Path, Path] = {}
    path = Path()
    try:
        for path, pieces in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Another name for each writer: two machines that share a folder may write the same file at once.
            temporaries[path] = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
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
    finally:
        for temporary in temporaries.values():
            with contextlib.suppress(OSError):  # what failed before is worth more than what fails here
                temporary.unlink(missing_ok=True)
    for folder in {path.parent for path in contents}:
        _flush_folder(folder)


def remove_strays(output: Path) -> None:
    """Removes the temporary files that killed runs left of one output, a file or a folder of files."""
    beside = [path for path in _hidden(output.parent) if path.name.startswith(f".{output.name}.")]
    for path in [*beside, *_hidden(output)]:
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _hidden(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(".")] if folder.is_dir() else []


def write_text(path: Path, text: str) -> None:
    """Writes text as UTF-8, whole or not at all."""
    write_bytes(path, [text.encode("utf-8")])


def append_text(path: Path, text: str) -> None:
    """Adds text at the end of a file. A machine that fails may lose it: it is for notes that a reader can do without."""
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text)


def write_document(path: Path, document: Document) -> None:
    """Writes a document as indented JSON, whole or not at all."""
    write_bytes(path, [encode_document(document)])


def encode_document(document: Document) -> bytes:
    """The bytes of a document."""
    return (document.model_dump_json(indent=1) + "\n").encode("utf-8")


def read_document(path: Path, kind: type[D], *, stage: str) -> D:
    """Reads a document of one kind.

    Raises:
        ArtifactError: the file is missing, damaged or of another format version.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise missing(path, stage) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ArtifactError(
            f"{path} is not a {kind.__name__} that this version reads ({where}: {first['msg']}). Run: dvc repro {stage}"
        ) from error


def write_table(path: Path, frame: pl.DataFrame, form: TableFormat) -> None:
    """Writes a table as Parquet, whole or not at all; the same frame gives the same bytes."""
    write_bytes(path, [encode_table(frame, form)])


def encode_table(frame: pl.DataFrame, form: TableFormat) -> memoryview:
    """The bytes of a table."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", row_group_size=_ROWS_AT_ONCE, metadata=form.mark)
    return buffer.getbuffer()


def read_table(path: Path, form: TableFormat, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Reads a table of one kind, all of its columns or some.

    Raises:
        ArtifactError: the file is missing, damaged, or of another kind or format version.
    """
    try:
        mark = pl.read_parquet_metadata(path).get("darkroom")
        frame = pl.read_parquet(path, columns=None if columns is None else list(columns))
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


def missing(path: Path, stage: str) -> ArtifactError:
    """Makes the error for a file that an earlier stage should have made."""
    return ArtifactError(f"{path} is missing. Run: dvc repro {stage}")


def remove_stale(folder: Path, keep: set[str]) -> None:
    """Removes the files of a folder whose names are not in `keep`: leftovers of an earlier run or of a killed one."""
    for path in sorted(folder.iterdir()):
        if path.name not in keep:
            path.unlink()


def _flush_folder(folder: Path) -> None:
    with contextlib.suppress(PermissionError):  # Windows has no handle on a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
