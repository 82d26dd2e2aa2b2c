"""Materialised copies of train images: shards like the prepared ones, which say of each copy where it comes from.

One shard holds one copy of the images of one prepared shard, so that more copies leave those that are there as they are.
The many copies of a few rare images share shards.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataprep.augment.apply import apply_variation
from dataprep.augment.balance import copies_per_class, repeats_per_image
from dataprep.augment.drawn_parameters import Variation, active_operations, check_suited, sample_variation
from dataprep.config.augment import AugmentConfig
from dataprep.config.execute import ExecuteConfig
from dataprep.core.artifacts import Place
from dataprep.core.rng import stable_hashes
from dataprep.execute.executor import run_tasks
from dataprep.store.shard_content import ShardLayout
from dataprep.store.shards import (
    Filled,
    ShardContent,
    ShardEntry,
    ShardKey,
    ShardReader,
    fill_folder,
    fingerprint,
    made_of,
    read_index,
    write_shard,
)

COPIES_VERSION = 2
"""Part of what copies are made from: to be raised with every change that makes other pixels of the same settings."""

_MATERIALISED = 0  # the epoch of copies; those of training begin with 1


@dataclass(frozen=True, slots=True)
class CopyTask:
    """What a worker needs to write copies of images of one prepared shard."""

    key: ShardKey
    prepared: Place
    output: Place
    entry: ShardEntry  # of the prepared shard
    layout: ShardLayout  # of the prepared shards
    config: AugmentConfig
    rows: NDArray[np.int64]  # (n,) of the prepared shard
    numbers: NDArray[np.int64]  # (n,) of the copies, from 1 on

    def __str__(self) -> str:
        return self.key.file


def plan_copies(prepared: Place, output: Place, config: AugmentConfig) -> list[CopyTask]:
    """The copies that `config` asks for: `copies` of each train image; with `balance`, more of the rarer classes."""
    index = read_index(prepared, stage="prepare")
    check_suited(config, index.shape[2])
    entries = index.of_split("train") if config.copies else []
    active = {name: section.model_dump() for name, section in active_operations(config).items()}
    settings = json.dumps({"seed": config.seed, "fill": config.fill, **active})
    copies = _copies_per_image(prepared, entries, config, index.layout)
    stride = 1 << max((entry.bucket for entry in entries), default=0).bit_length()
    tasks = []
    for entry, of_rows in zip(entries, copies, strict=True):
        for place, (rows, numbers) in enumerate(_grouped(of_rows)):
            what = b"".join(column.astype("<i8").tobytes() for column in (rows, numbers))
            key = ShardKey("train", entry.bucket + place * stride, fingerprint(COPIES_VERSION, entry.sha256, settings, what))
            # Absolute: a worker of a cluster may have been started in another folder.
            places = prepared.absolute(), output.absolute()
            tasks.append(CopyTask(key, *places, entry, index.layout, config, rows, numbers))
    return sorted(tasks, key=lambda task: task.key.bucket)


def write_copies(prepared: Place, output: Place, tasks: Sequence[CopyTask], execute: ExecuteConfig) -> Iterator[Filled]:
    """Writes the copies that were planned, then the index of their folder."""

    def build(missing: Sequence[CopyTask]) -> Iterator[ShardEntry]:
        yield from run_tasks(build_copies, missing, execute)

    index = read_index(prepared, stage="prepare")
    yield from fill_folder(output, tasks, build, index.model_copy(update={"made_of": made_of(index)}))


def build_copies(task: CopyTask) -> ShardEntry:
    """Writes one shard of copies with their provenance: source id, number of the copy, what was drawn."""
    with ShardReader(task.prepared, task.entry, task.layout, stage="prepare") as shard:
        images, labels, ids = shard.images()[task.rows], shard.labels()[task.rows], shard.ids()
    ids = [ids[row] for row in task.rows.tolist()]
    variation = sample_variation(stable_hashes(ids), task.config, epoch=_MATERIALISED, copy=task.numbers)
    content = ShardContent(
        images=apply_variation(images, variation, task.config),
        labels=labels,
        ids=[f"{image_id}#{number}" for image_id, number in zip(ids, task.numbers.tolist(), strict=True)],
        class_names=task.layout.class_names,
        extra={
            "source_id": np.array([image_id.encode() for image_id in ids], dtype="S"),
            "copy": task.numbers.astype(np.int32),
            **_columns(variation),
        },
    )
    return write_shard(task.output, task.key, content)


def _grouped(copies: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows and numbers of copies, number by number, as many together as there are rows at most.

    Args:
        copies: (N,) how many copies each row of a shard gets.
    """
    rows: list[NDArray[np.int64]] = []
    numbers: list[NDArray[np.int64]] = []
    for number in range(1, int(copies.max(initial=0)) + 1):
        copied = np.flatnonzero(copies >= number)
        if rows and sum(map(len, rows)) + len(copied) > len(copies):
            yield np.concatenate(rows), np.concatenate(numbers)
            rows, numbers = [], []
        rows.append(copied)
        numbers.append(np.full(len(copied), number))
    if rows:
        yield np.concatenate(rows), np.concatenate(numbers)


def _columns(variation: Variation) -> dict[str, NDArray[np.generic]]:
    """What was drawn: `<operation>`, whether it happened, and `<operation>.<parameter>`."""
    columns: dict[str, NDArray[np.generic]] = {}
    for name, drawn in variation.items():
        columns[name] = drawn.happens
        columns |= {f"{name}.{parameter}": values for parameter, values in drawn.values.items()}
    return columns


def _copies_per_image(
    prepared: Place, entries: Sequence[ShardEntry], config: AugmentConfig, layout: ShardLayout
) -> list[NDArray[np.int64]]:
    if config.balance == "none" or not entries:
        return [np.full(entry.num_images, config.copies) for entry in entries]
    labels, keys = [], []
    for entry in entries:
        with ShardReader(prepared, entry, layout, stage="prepare") as shard:
            labels.append(shard.labels())
            keys.append(stable_hashes(shard.ids()))
    every = np.concatenate(labels)
    per_class = copies_per_class(np.bincount(every, minlength=len(layout.class_names)), config)
    copies = repeats_per_image(every, np.concatenate(keys), per_class, config.seed, "copies")
    return np.split(copies, np.cumsum([entry.num_images for entry in entries])[:-1])
