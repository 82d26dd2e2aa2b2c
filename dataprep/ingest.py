"""From the files of the raw folder to the manifest: read each path, check that each file decodes.

What was seen of a file is remembered in a scan cache by (path, bytes, times of change), so that an unchanged folder is only
listed, not read again.
"""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from dataprep.artifacts import TableFormat, read_table, write_table
from dataprep.config import DecodeConfig, ExecuteConfig
from dataprep.errors import ArtifactError, SourceError, first_five
from dataprep.execute import run_tasks
from dataprep.image import Undecodable, decode, decoder_mark, digest_bytes, digest_pixels, verify
from dataprep.manifest import MANIFEST, Reason, usable
from dataprep.pattern import PathFacts, compile_pattern, read_path
from dataprep.rng import stable_hash
from dataprep.source import printable, read_file

FILES_PER_TASK = 256

_SEEN = {
    "path": pl.Binary(),
    "width": pl.Int32(),
    "height": pl.Int32(),
    "mode": pl.String(),
    "format": pl.String(),
    "orientation": pl.Int32(),
    "digest": pl.String(),
    "file_digest": pl.String(),
    "reason": pl.String(),
    "message": pl.String(),
}
_CACHE = TableFormat(
    kind="scan",
    version=1,
    columns={**_SEEN, "bytes": pl.Int64(), "modified_ns": pl.Int64(), "changed_ns": pl.Int64()},
    stage="ingest",
)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What one look into a file showed; pixels facts are None and `reason` is set where it is no usable image."""

    path: bytes
    width: int | None = None
    height: int | None = None
    mode: str | None = None
    format: str | None = None
    orientation: int | None = None
    digest: str | None = None
    file_digest: str | None = None
    reason: Reason | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class _ExamineTask:
    source: Path
    paths: list[bytes]
    config: DecodeConfig


def examine(found: pl.DataFrame, *, source: Path, config: DecodeConfig, execute: ExecuteConfig) -> Iterator[list[FileFacts]]:
    """Reads, verifies and decodes files; yields the facts chunk by chunk, in the order of `found`.

    Args:
        found: rows of `scan` that may be opened.
        source: the raw folder.
        config: how to decode.
        execute: where to run.
    """
    paths = found["path"].to_list()
    tasks = [
        _ExamineTask(source, paths[start : start + FILES_PER_TASK], config) for start in range(0, len(paths), FILES_PER_TASK)
    ]
    yield from run_tasks(_examine_chunk, tasks, execute)


def examine_file(source: Path, path: bytes, config: DecodeConfig) -> FileFacts:
    """Looks into one file; a file that is no usable image is a result with a reason, not an error."""
    try:
        content = read_file(source, path)
    except OSError as error:
        return FileFacts(path, reason="unreadable", message=f"{type(error).__name__}: {error.strerror}")
    file_digest = digest_bytes(content)
    try:
        verify(content)
        decoded = decode(content, config)
    except Undecodable as refusal:
        return FileFacts(path, file_digest=file_digest, reason=refusal.reason, message=refusal.message)
    height, width, _ = decoded.pixels.shape
    return FileFacts(
        path,
        width=width,
        height=height,
        mode=decoded.mode,
        format=decoded.format,
        orientation=decoded.orientation,
        digest=digest_pixels(decoded.pixels),
        file_digest=file_digest,
    )


def build_manifest(found: pl.DataFrame, seen: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """Joins what was found, what the paths say and what the files hold into the manifest.

    Args:
        found: from `scan`.
        seen: facts of the files that could be opened, from `facts_frame` and the cache.
        pattern: ingest.pattern.

    Raises:
        SourceError: no path matches, no file is a usable image, or there is one class only.
    """
    compiled = compile_pattern(pattern)
    ids = [printable(path) for path in found["path"].to_list()]
    facts = [read_path(name, compiled) for name in ids]
    if not any(facts):
        raise SourceError(
            f"params.yaml: ingest.pattern {pattern!r} must match the paths below ingest.source; it matches none of "
            f"{len(ids):,}, for example {first_five(ids)}. Describe these paths"
        )
    told = pl.DataFrame(
        [_path_row(fact) for fact in facts],
        schema={"label": pl.String, "group": pl.String, "given_split": pl.String, "origin": pl.String},
        orient="row",
    )
    unmatched = told["label"].is_null()
    manifest = (
        found.rename({"reason": "entry_reason"})
        .with_columns(pl.Series("id", ids), *told.get_columns(), unmatched.alias("unmatched"))
        .join(seen, on="path", how="left")
        .with_columns(
            pl.coalesce(
                "entry_reason", "reason", pl.when("unmatched").then(pl.lit("pattern")), pl.lit(None, dtype=pl.String)
            ).alias("reason"),
        )
        .with_columns(
            pl.when(pl.col("reason").is_null()).then(pl.lit("ok")).otherwise(pl.lit("quarantined")).alias("status"),
            pl.when(pl.col("reason") == "pattern")
            .then(pl.lit(f"the path does not match ingest.pattern {pattern!r}"))
            .when(pl.col("reason") == "link")
            .then(pl.lit("links are not followed"))
            .when(pl.col("reason") == "not_a_file")
            .then(pl.lit("neither a file nor a folder"))
            .when(pl.col("entry_reason") == "unreadable")
            .then(pl.lit("cannot be listed; check its permissions"))
            .otherwise("message")
            .alias("message"),
        )
        .sort("id")
    )
    _check_classes(manifest)
    return manifest.select(list(MANIFEST.columns))


def facts_frame(facts: list[FileFacts]) -> pl.DataFrame:
    """Makes a table of facts, one row per file."""
    return pl.DataFrame([asdict(fact) for fact in facts], schema=_SEEN)


def split_by_cache(
    found: pl.DataFrame, cache: Path, *, source: Path, config: DecodeConfig
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Divides the files that may be opened into those to examine and the facts of those that did not change.

    A cache that is missing or of another format is an empty one.
    """
    openable = found.filter(pl.col("reason").is_null()).drop("reason")
    try:
        known = read_table(cache, _CACHE)
    except ArtifactError:
        return openable, facts_frame([])
    known = known.filter(pl.col("mark") == _mark(source, config))
    keys = ["path", "bytes", "modified_ns", "changed_ns"]
    unchanged = openable.join(known, on=keys, how="inner").select(list(_SEEN))
    return openable.join(known, on=keys, how="anti"), unchanged


def write_cache(cache: Path, found: pl.DataFrame, seen: pl.DataFrame, *, source: Path, config: DecodeConfig) -> None:
    """Remembers what was seen, for the next `split_by_cache`."""
    known = seen.join(found.drop("reason"), on="path").with_columns(mark=pl.lit(_mark(source, config)))
    # What could not be read may be readable the next time, without any change of its size or time.
    write_table(cache, known.filter(pl.col("reason").ne_missing("unreadable")), _CACHE)


def _examine_chunk(task: _ExamineTask) -> list[FileFacts]:
    return [examine_file(task.source, path, task.config) for path in task.paths]


def _path_row(fact: PathFacts | None) -> tuple[str | None, str | None, str | None, str | None]:
    return (fact.label, fact.group, fact.given_split, fact.origin) if fact else (None, None, None, None)


def _mark(source: Path, config: DecodeConfig) -> str:
    return f"{decoder_mark(config)} {stable_hash(os.fsencode(source.resolve())):016x}"


def _check_classes(manifest: pl.DataFrame) -> None:
    good = usable(manifest)
    if good.is_empty():
        reasons = manifest.group_by("reason").len().sort("reason").rows()
        listed = ", ".join(f"{count:,} {reason}" for reason, count in reasons)
        example = manifest.row(0, named=True)
        raise SourceError(
            f"ingest.source must hold images that can be decoded; of {manifest.height:,} files none can ({listed}), for "
            f"example {example['id']!r}: {example['message']}. Check ingest.source and ingest.pattern"
        )
    labels = good["label"].unique().to_list()
    if len(labels) < 2:
        raise SourceError(
            f"params.yaml: ingest.pattern must tell at least 2 classes apart; got one, {labels[0]!r}, for "
            f"{good.height:,} images, for example {first_five(good['id'].head(2))}. Put {{label}} where the class stands"
        )
