"""Remembers what was seen in each file, so that an unchanged folder is listed and not read again.

A file is known if its path, its number of bytes and its times are as before, and so are the decoder and the limits. For more
than 8 bits, or a refused mode, the black and white level must be as before too: they decide whether there is a range. Near
duplicates are known by the digests of the pictures. The cache lies outside DVC; where it is missing or of another format, no
file is known.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import cv2
import numpy as np
import polars as pl

from dataprep.config.ingest import IngestConfig
from dataprep.core import name_encoding
from dataprep.core.artifacts import TableFormat, read_table, write_table
from dataprep.core.column_constraints import Values
from dataprep.core.errors import ArtifactError
from dataprep.core.name_encoding import encode_name
from dataprep.decode.image import decoder_mark
from dataprep.ingest import examine, near_duplicates, perceptual_features, quality
from dataprep.ingest.perceptual_features import LENGTH
from dataprep.source import other_files
from dataprep.source import raw_folder as source
from dataprep.source import remote_folder as remote
from dataprep.source.raw_folder import Source, real_folder
from dataprep.store.manifest import REASONS

_FEATURE_BYTES = LENGTH * np.dtype(np.float16).itemsize

_FORMAT = TableFormat(
    kind="scan",
    version=3,
    columns={
        **examine.FACTS,
        "bytes": pl.Int64(),
        "modified_ns": pl.Int64(),
        "changed_ns": pl.Int64(),
        "cluster": pl.String(),
        "mark": pl.String(),
        "cluster_mark": pl.String(),
    },
    stage="ingest",
    values={
        "path": Values(),
        "bytes": Values(least=0),
        **dict.fromkeys(("modified_ns", "changed_ns", "mark", "cluster_mark"), Values()),
        "reason": Values(among=REASONS, nullable=True),
    },
    rules={
        "path must be there once": pl.col("path").is_first_distinct(),
        f"fingerprint must have {_FEATURE_BYTES} bytes": pl.col("fingerprint").bin.size() == _FEATURE_BYTES,
        "digest must be there where nothing else is wrong": pl.col("digest").is_not_null() | pl.col("reason").is_not_null(),
    },
)

SECONDS_BETWEEN_WRITES = 60.0

_MODULES = (examine, name_encoding, other_files, perceptual_features, quality, remote, source)
"""Beside the decoder, the code that decides what is seen in a file."""

_PASSING = ("unreadable", "changed", "too_slow", "worker_died")
"""Reasons that may be gone in the next run: such a file is read again, though its size and times are the same."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the cache knows.

    Attributes:
        facts: columns of `FACTS`, of files that did not change.
        clusters: digest and cluster (the smallest digest of its near duplicates) of all pictures of the last run.
    """

    facts: pl.DataFrame
    clusters: pl.DataFrame


def read_known(cache: Path, found: pl.DataFrame, *, folder: Source, config: IngestConfig) -> Known:
    """Reads what is known of the files found.

    Args:
        cache: file of the cache.
        found: from `scan`.
        folder: the raw folder.
        config: the section.
    """
    try:
        table = read_table(cache, _FORMAT)
    except ArtifactError:
        return Known(pl.DataFrame(schema=examine.FACTS), pl.DataFrame(schema={"digest": pl.String, "cluster": pl.String}))
    clusters = (
        table.filter(pl.col("cluster_mark") == _cluster_mark(table, config)).select("digest", "cluster").drop_nulls().unique()
    )
    keys = ["path", "bytes", "modified_ns", "changed_ns"]
    unchanged = table.filter(pl.col("mark") == _marks(folder, config)).join(found.filter(pl.col("reason").is_null()), on=keys)
    return Known(unchanged.select(list(examine.FACTS)), clusters)


def write_known(
    cache: Path, found: pl.DataFrame, seen: pl.DataFrame, clusters: pl.DataFrame, *, folder: Source, config: IngestConfig
) -> None:
    """Remembers what was seen, for the next `read_known`.

    Args:
        cache: file of the cache.
        found: from `scan`.
        seen: columns of `FACTS`.
        clusters: digest and cluster of all pictures.
        folder: the raw folder.
        config: the section.
    """
    table = (
        seen.filter(~pl.col("reason").is_in(_PASSING).fill_null(value=False))
        .join(found.drop("reason"), on="path")
        .join(clusters, on="digest", how="left")
        .with_columns(mark=_marks(folder, config), cluster_mark=pl.lit(_cluster_mark(seen, config)))
    )
    write_table(cache, table.select(list(_FORMAT.columns)), _FORMAT)


def remembered(
    looks: Iterable[pl.DataFrame], cache: Path, found: pl.DataFrame, known: Known, *, folder: Source, config: IngestConfig
) -> Iterator[pl.DataFrame]:
    """Passes on what is seen and saves it every minute, so that a run that is cut off loses one minute at most.

    Args:
        looks: tables with the columns of `FACTS`.
        cache: file of the cache.
        found: from `scan`.
        known: what the cache knew before.
        folder: the raw folder.
        config: the section.
    """
    seen = [known.facts]
    written = time.monotonic()
    for look in looks:
        seen.append(look)
        yield look
        if time.monotonic() - written > SECONDS_BETWEEN_WRITES:
            write_known(cache, found, pl.concat(seen), known.clusters, folder=folder, config=config)
            written = time.monotonic()


def _marks(folder: Source, config: IngestConfig) -> pl.Expr:
    """The mark of each row. It holds the black and white level where these decide."""
    mark = _mark(folder, config)
    with_levels = _digest(mark.encode(), _levels_asked(config))
    is_decided = pl.col("sample_type").is_not_null() | (pl.col("reason") == "unsupported_mode").fill_null(value=False)
    return pl.when(is_decided).then(pl.lit(with_levels)).otherwise(pl.lit(mark))


def _levels_asked(config: IngestConfig) -> bytes:
    return config.decode.model_dump_json(include={"black_level", "white_level"}).encode()


def _mark(folder: Source, config: IngestConfig) -> str:
    """Changes with all that decides what is seen in a file."""
    return _digest(
        decoder_mark(config.decode).encode(),
        config.limits.model_dump_json().encode(),
        real_folder(folder) if isinstance(folder, Path) else encode_name(folder),
        cv2.__version__.encode(),
        np.__version__.encode(),
        *(Path(str(module.__file__)).read_bytes() for module in _MODULES),
    )


def _cluster_mark(seen: pl.DataFrame, config: IngestConfig) -> str:
    """Changes with all that decides which of these pictures are near duplicates."""
    levels = _levels_asked(config) if seen["sample_type"].is_not_null().any() else b""
    code = (Path(str(module.__file__)).read_bytes() for module in (perceptual_features, near_duplicates))
    return _digest(config.near_duplicates.model_dump_json().encode(), levels, *code)


def _digest(*parts: bytes) -> str:
    return blake2b(b"\0".join(parts), digest_size=8).hexdigest()
