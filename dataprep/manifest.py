"""The manifest: one row for every file found, none dropped, with what its path says, what it holds and whether it is used."""

from pathlib import Path
from typing import Literal

import polars as pl

from dataprep.artifacts import TableFormat, read_table, write_table
from dataprep.image import DecodeReason

Status = Literal["ok", "quarantined"]
Reason = Literal["pattern", "link", "not_a_file", "unreadable"] | DecodeReason

MANIFEST = TableFormat(
    kind="manifest",
    version=1,
    columns={
        "id": pl.String(),  # relative posix path, printable, unique; the rows are sorted by it
        "path": pl.Binary(),  # the same path byte for byte: names need not be UTF-8
        "label": pl.String(),
        "group": pl.String(),
        "given_split": pl.String(),
        "origin": pl.String(),
        "bytes": pl.Int64(),
        "width": pl.Int32(),  # upright
        "height": pl.Int32(),
        "mode": pl.String(),
        "format": pl.String(),
        "orientation": pl.Int32(),  # EXIF, 1 = upright as stored
        "digest": pl.String(),  # of the decoded pixels and their shape
        "file_digest": pl.String(),
        "status": pl.String(),
        "reason": pl.String(),
        "message": pl.String(),
    },
    stage="ingest",
)


def read_manifest(path: Path) -> pl.DataFrame:
    """Reads the manifest; columns as in `MANIFEST`."""
    return read_table(path, MANIFEST)


def write_manifest(path: Path, manifest: pl.DataFrame) -> None:
    """Writes the manifest."""
    write_table(path, manifest.select(list(MANIFEST.columns)), MANIFEST)


def usable(manifest: pl.DataFrame) -> pl.DataFrame:
    """The rows whose images are in the data set."""
    return manifest.filter(pl.col("status") == "ok")


def class_names(manifest: pl.DataFrame) -> list[str]:
    """The labels of the usable rows, sorted; a class's place in the list is its integer label."""
    return sorted(usable(manifest)["label"].unique().to_list())
