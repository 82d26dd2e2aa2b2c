"""The manifest: one row for every file found, none dropped, with what its path says, what it holds and whether it is used."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from dataprep.config.base import SPLITS
from dataprep.core.artifacts import Family, TableFormat, read_table, write_table
from dataprep.core.column_constraints import NO_CONTROLS, Values
from dataprep.decode.image import DecodeReason
from dataprep.decode.value_range import SCALED

Status = Literal["ok", "quarantined", "skipped"]
EntryReason = Literal["skipped", "link", "link_to_folder", "not_a_file", "unreadable", "unreadable_folder", "unusable_name"]
ReadReason = Literal["too_many_bytes", "changed", "too_slow", "worker_died"]
RowReason = Literal["other_file", "unlabelled", "excluded", "pattern", "label_conflict", "small_class"]
Reason = EntryReason | ReadReason | DecodeReason | RowReason
"""The closed list of reasons why a file is not used. Those in `SKIPPED` have the status skipped, all others quarantined."""
Correction = Literal["wrong_label", "exclude", "fine"]
"""What a person decided about an image: it has another label, is not to be used, or is right as it is."""
STATUSES: tuple[str, ...] = get_args(Status)
REASONS: tuple[str, ...] = tuple(reason for kind in get_args(Reason) for reason in (get_args(kind) or (kind,)))

SKIPPED = ("skipped", "other_file", "unlabelled")
"""Reasons of files that were not meant to be used: by ingest.skip, by name and content, or by the table of ingest.labels."""

_HEX_128 = r"^[0-9a-f]{32}$"

_BETWEEN_SLASHES = pl.lit(b"/") + pl.col("path") + pl.lit(b"/")
_OK = pl.col("status") == "ok"
_LEADS_OUT = pl.any_horizontal(
    pl.col("path") == b"",
    pl.col("path").bin.starts_with(b"/"),
    pl.col("path").bin.ends_with(b"/"),
    *[_BETWEEN_SLASHES.bin.contains(part) for part in (b"/./", b"/../", b"\0")],
)
"""As `remote_folder.is_below_source`, for a whole column. Keys of an object store may have two slashes in a row."""

MANIFEST = TableFormat(
    kind="manifest",
    version=4,
    columns={
        "id": pl.String(),  # relative posix path, printable, unique; the rows are sorted by it
        "path": pl.Binary(),  # the same path byte for byte: names need not be UTF-8
        "label": pl.String(),
        "given_label": pl.String(),  # what the path or the table says; the label is another one where a person corrected it
        "correction": pl.String(),  # see `Correction`; null where no person looked
        "group": pl.String(),
        "given_split": pl.String(),
        "origin": pl.String(),
        "bytes": pl.Int64(),
        "width": pl.Int32(),  # upright
        "height": pl.Int32(),
        "mode": pl.String(),
        "format": pl.String(),
        "orientation": pl.Int32(),  # EXIF, 1 = upright as stored
        "num_frames": pl.Int32(),  # above 1: the first frame of an animation, the first page of a file
        "sample_type": pl.String(),  # see `deep_samples.Depth`; null where 8 bits hold it, as the next seven are
        "lowest": pl.Float64(),  # value, but for hot pixels
        "highest": pl.Float64(),
        "num_values": pl.Int64(),  # different ones
        **SCALED,  # see `value_range.SCALED`
        "digest": pl.String(),  # of the pixels and their shape; of more than 8 bits as they are stored
        "file_digest": pl.String(),
        "perceptual_hash": pl.String(),  # 16 hex digits
        "near_duplicate": pl.String(),  # the smallest id of its near duplicates; null where it has none
        # here stand the columns that describe an image in figures, which ingest names
        "issues": pl.List(pl.String()),  # what is unusual about the image, which is used nevertheless
        "status": pl.String(),
        "reason": pl.String(),
        "message": pl.String(),
    },
    stage="ingest",
    family=Family("", pl.Float32(), Values(nullable=True)),
    values={
        "id": Values(pattern=NO_CONTROLS, ascending=True),
        "path": Values(),
        "correction": Values(among=get_args(Correction), nullable=True),
        "given_split": Values(among=SPLITS, nullable=True),
        "bytes": Values(least=0),
        **dict.fromkeys(("width", "height", "num_frames"), Values(least=1, nullable=True)),
        "orientation": Values(least=1, most=8, nullable=True),
        **dict.fromkeys(("digest", "file_digest"), Values(pattern=_HEX_128, nullable=True)),
        "perceptual_hash": Values(pattern=r"^[0-9a-f]{16}$", nullable=True),
        "status": Values(among=get_args(Status)),
        "reason": Values(among=REASONS, nullable=True),
    },
    rules={
        "path must lie below the source": ~_LEADS_OUT,
        "reason must be there where the status is not ok, and there alone": pl.col("reason").is_null() == _OK,
        **{
            f"{name} must be there where the status is ok": pl.col(name).is_not_null() | ~_OK
            for name in ("label", "width", "height", "digest", "file_digest")
        },
        "label must be given_label where the correction is not wrong_label": (
            pl.col("label").eq_missing(pl.col("given_label")) | pl.col("correction").eq_missing(pl.lit("wrong_label"))
        ),
        "correction must not be exclude where the status is ok": (pl.col("correction") != "exclude") | ~_OK,
    },
)


def read_manifest(path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Reads the manifest; columns as in `MANIFEST`, or some of them."""
    return read_table(path, MANIFEST, columns)


def write_manifest(path: Path, manifest: pl.DataFrame) -> None:
    """Writes the manifest."""
    write_table(path, manifest, MANIFEST)


def manifest_columns(measures: Iterable[str]) -> list[str]:
    """All columns in their order, with those that describe an image in figures before its issues."""
    names = list(MANIFEST.columns)
    place = names.index("issues")
    return [*names[:place], *measures, *names[place:]]


def usable(manifest: pl.DataFrame) -> pl.DataFrame:
    """The rows whose images are in the data set."""
    return manifest.filter(pl.col("status") == "ok")


def find_copies(manifest: pl.DataFrame) -> pl.DataFrame:
    """The rows whose picture occurs several times, with `first`, the smallest id among its copies; sorted by `first`."""
    several = manifest.filter(pl.col("digest").is_not_null() & pl.col("digest").is_duplicated())
    return several.with_columns(first=pl.col("id").min().over("digest")).sort("first", "id")


def class_names(manifest: pl.DataFrame) -> list[str]:
    """The labels of the usable rows, sorted; the label is the index in this list."""
    return sorted(usable(manifest)["label"].unique().to_list())
