"""Brings every image to one shape and stores it: gray or RGB, resized, saturated where asked, in shards of uint8."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from dataprep.config import (
    SPLITS,
    DecodeConfig,
    ExecuteConfig,
    PrepareConfig,
    SplitName,
)
from dataprep.errors import SourceError
from dataprep.execute import run_tasks
from dataprep.image import Pixels, Undecodable, decode, digest_bytes
from dataprep.manifest import class_names
from dataprep.rng import stable_hash
from dataprep.shards import (
    ShardContent,
    ShardEntry,
    ShardIndex,
    bucket_of,
    fill_folder,
    fingerprint,
    num_buckets,
    shard_name,
    write_shard,
)
from dataprep.source import read_file
from dataprep.transforms import prepare_image, shape_of


class ShardRow(NamedTuple):
    """One image of a shard, and what its file was when ingest read it."""

    id: str
    path: bytes
    label: int
    file_digest: str
    num_bytes: int


@dataclass(frozen=True, slots=True)
class ShardTask:
    """What a worker needs to build one shard: paths, not pixels."""

    source: Path
    output: Path
    split: SplitName
    rows: list[ShardRow]
    class_names: list[str]
    decode: DecodeConfig
    prepare: PrepareConfig


def prepare_images(
    images: pl.DataFrame,
    output: Path,
    *,
    source: Path,
    decode: DecodeConfig,
    prepare: PrepareConfig,
    execute: ExecuteConfig,
) -> Iterator[ShardEntry]:
    """Writes the shards of all splits, then the index; yields each shard's entry when it stands.

    Args:
        images: usable rows of the manifest joined with their split.
        output: the folder of the shards.
        source: the raw folder.
        decode: how files become pixels; what ingest used.
        prepare: what is done to the pixels.
        execute: where to run.

    Raises:
        SourceError: a file is no longer what ingest saw.
    """
    names = class_names(images)
    tasks = _plan(images, output, source, names, decode, prepare)
    index = ShardIndex(shape=shape_of(prepare), class_names=names, decode=decode, prepare=prepare, shards=[])
    yield from fill_folder(output, run_tasks(build_shard, tasks, execute), index)


def build_shard(task: ShardTask) -> ShardEntry:
    """Reads, prepares and writes the images of one shard."""
    images = np.empty((len(task.rows), *shape_of(task.prepare)), dtype=np.uint8)
    for number, row in enumerate(task.rows):
        images[number] = prepare_image(_read_image(row, task), task.prepare)
    content = ShardContent(
        images=images,
        labels=np.array([row.label for row in task.rows], dtype=np.int64),
        ids=[row.id for row in task.rows],
        class_names=task.class_names,
        fingerprint=fingerprint(task.rows, task.class_names, task.decode.model_dump_json(), task.prepare.model_dump_json()),
        extra={},
    )
    return write_shard(task.output, content, task.split)


def _plan(
    images: pl.DataFrame, output: Path, source: Path, names: list[str], decode: DecodeConfig, prepare: PrepareConfig
) -> list[ShardTask]:
    number_of = {name: number for number, name in enumerate(names)}
    tasks = []
    for split in SPLITS:
        own = images.filter(pl.col("split") == split)
        buckets = num_buckets(own.height, prepare.images_per_shard)
        rows: list[list[ShardRow]] = [[] for _ in range(buckets)]
        for image_id, path, label, digest, num_bytes in own.select("id", "path", "label", "file_digest", "bytes").iter_rows():
            rows[bucket_of(image_id, buckets)].append(ShardRow(image_id, path, number_of[label], digest, num_bytes))
        tasks += [
            # In the order of a hash, not of the names: a block of rows is a mixture of classes.
            ShardTask(source, output / shard_name(split, bucket), split, sorted(chunk, key=_by_hash), names, decode, prepare)
            for bucket, chunk in enumerate(rows)
            if chunk
        ]
    return tasks


def _by_hash(row: ShardRow) -> tuple[int, str]:
    return stable_hash("row", row.id), row.id


def _read_image(row: ShardRow, task: ShardTask) -> Pixels:
    try:
        content = read_file(task.source, row.path, row.num_bytes)
        if digest_bytes(content) == row.file_digest:
            return decode(content, task.decode).pixels
    except (OSError, Undecodable) as error:
        raise SourceError(
            f"{row.id}: cannot be read any more, though ingest could ({error}). Run: dvc repro, which lists it anew"
        ) from error
    raise SourceError(f"{row.id}: its bytes changed since ingest read them. Run: dvc repro, which reads it anew")
