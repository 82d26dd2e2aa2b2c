"""Batches from shards in bounded memory: shuffled and varied for training, in order for evaluation.

An epoch visits blocks of consecutive rows in random order, some dozens of blocks make a window, and a window is shuffled in
memory. The order is a pure function of (seed, epoch, shards); windows do not depend on the batch size.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataprep.artifacts import Place
from dataprep.augment import augment_images
from dataprep.config import AugmentConfig, SplitName
from dataprep.errors import ArtifactError
from dataprep.image import Pixels
from dataprep.mixing import sample_mixup, superpose_images, superpose_targets
from dataprep.rng import rng_for, stable_hashes
from dataprep.shards import ShardEntry, ShardReader, check_shards, read_index

BLOCK_ROWS = 64
WINDOW_BYTES = 64 * 2**20

Targets = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A shard to read, its folder and the stage that makes it."""

    folder: Place
    entry: ShardEntry
    stage: str

    @property
    def num_images(self) -> int:
        return self.entry.num_images

    def open(self) -> ShardReader:
        return ShardReader(self.folder, self.entry, stage=self.stage)


@dataclass(frozen=True, slots=True)
class TrainSet:
    """The shards to train on."""

    files: list[ShardFile]
    num_classes: int
    shape: tuple[int, int, int]

    @property
    def num_images(self) -> int:
        return sum(file.num_images for file in self.files)


@dataclass(frozen=True, slots=True)
class _Window:
    """Rows in memory, images (n, H, W, C), labels (n,), keys (n,), and the order (n,) in which they are shown."""

    images: Pixels
    labels: NDArray[np.int64]
    keys: NDArray[np.uint64]
    order: NDArray[np.int64]


def find_train_set(prepared: Place, augmented: Place) -> TrainSet:
    """The prepared train shards and the materialised copies beside them.

    Every byte of both folders is compared with its index first: training does not start on what is damaged.

    Raises:
        ArtifactError: a shard is missing or damaged, or the copies are those of an earlier data set.
    """
    index = read_index(prepared, stage="prepare")
    copies = read_index(augmented, stage="augment")
    if copies.model_copy(update={"shards": index.shards}) != index:
        raise ArtifactError(f"{augmented} holds copies of other images than {prepared} does. Run: dvc repro augment")
    check_shards(prepared, index.shards, stage="prepare")
    check_shards(augmented, copies.shards, stage="augment")
    files = [ShardFile(prepared, entry, "prepare") for entry in index.of_split("train")]
    files += [ShardFile(augmented, entry, "augment") for entry in copies.shards]
    return TrainSet(files, len(index.class_names), index.shape)


def train_batches(
    train_set: TrainSet, config: AugmentConfig, *, batch_size: int, seed: int, epoch: int
) -> Iterator[tuple[Pixels, Targets]]:
    """Yields one epoch of shuffled, varied and superposed batches.

    Args:
        train_set: where the rows are.
        config: what may happen to them.
        batch_size: images per batch; the last one may be smaller.
        seed: of the order; the variations have `config.seed`.
        epoch: 1 and up.

    Yields:
        images (n, H, W, C) uint8 and targets (n, num_classes) float32, whose rows sum to 1.
    """
    waiting: tuple[Pixels, Targets] | None = None  # the begin of a batch that goes on in the next window
    for number, window in enumerate(_windows(train_set, config, seed, epoch)):
        vary = _varying(window, train_set.num_classes, config, epoch, number)
        start = 0
        while start < len(window.order):
            stop = start + batch_size - (len(waiting[0]) if waiting else 0)
            images, targets = vary(slice(start, stop))
            if waiting:
                images, targets = np.concatenate([waiting[0], images]), np.concatenate([waiting[1], targets])
            waiting, start = (images, targets), stop
            if len(images) == batch_size:
                yield waiting
                waiting = None
    if waiting:
        yield waiting


def ordered_batches(
    prepared: Place, split: SplitName, batch_size: int
) -> Iterator[tuple[Pixels, NDArray[np.int64], list[str]]]:
    """Yields the images (n, H, W, C), labels (n,) and ids of one split in the order of its shards, unvaried."""
    for entry in read_index(prepared, stage="prepare").of_split(split):
        with ShardReader(prepared, entry, stage="prepare") as shard:
            labels, ids = shard.labels(), shard.ids()
            for start in range(0, len(shard), batch_size):
                stop = start + batch_size
                yield shard.images(start, stop), labels[start:stop], ids[start:stop]


def num_ordered_batches(prepared: Place, split: SplitName, batch_size: int) -> int:
    """How many batches `ordered_batches` yields."""
    entries = read_index(prepared, stage="prepare").of_split(split)
    return sum(math.ceil(entry.num_images / batch_size) for entry in entries)


def one_hot(labels: NDArray[np.int64], num_classes: int) -> Targets:
    """(N,) integer labels as (N, num_classes) float32."""
    targets = np.zeros((len(labels), num_classes), dtype=np.float32)
    targets[np.arange(len(labels)), labels] = 1
    return targets


def _windows(train_set: TrainSet, config: AugmentConfig, seed: int, epoch: int) -> Iterator[_Window]:
    rng = rng_for(seed, "shuffle", epoch)
    blocks = [
        (number, start, min(start + BLOCK_ROWS, file.num_images))
        for number, file in enumerate(train_set.files)
        for start in range(0, file.num_images, BLOCK_ROWS)
    ]
    order = rng.permutation(len(blocks))
    image_bytes = int(np.prod(train_set.shape))
    blocks_per_window = max(WINDOW_BYTES // (image_bytes * BLOCK_ROWS), 1)
    labels, keys = _read_labels_and_keys(train_set, config)
    for first in range(0, len(order), blocks_per_window):
        chosen = [blocks[index] for index in order[first : first + blocks_per_window]]
        images = _read_blocks(train_set, chosen)
        yield _Window(
            images,
            np.concatenate([labels[number][start:stop] for number, start, stop in chosen]),
            np.concatenate([keys[number][start:stop] for number, start, stop in chosen]),
            rng.permutation(len(images)),
        )


def _read_labels_and_keys(
    train_set: TrainSet, config: AugmentConfig
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.uint64]]]:
    labels, keys = [], []
    for file in train_set.files:
        with file.open() as shard:
            labels.append(shard.labels())
            # A hash for each id takes longer than to read the image; without variations nobody asks for it.
            keys.append(stable_hashes(shard.ids()) if config.online else np.zeros(len(shard), dtype=np.uint64))
    return labels, keys


def _read_blocks(train_set: TrainSet, blocks: list[tuple[int, int, int]]) -> Pixels:
    """Reads blocks of rows, one after the other in one array; one shard is open at a time, however many there are."""
    places = np.cumsum([0, *[stop - start for _, start, stop in blocks]])
    images = np.empty((places[-1], *train_set.shape), dtype=np.uint8)
    of_shard: dict[int, list[int]] = defaultdict(list)
    for index, (number, _, _) in enumerate(blocks):
        of_shard[number].append(index)
    for number, indices in of_shard.items():
        with train_set.files[number].open() as shard:
            for index in indices:
                shard.read_into(images[places[index] : places[index + 1]], blocks[index][1])
    return images


def _varying(
    window: _Window, num_classes: int, config: AugmentConfig, epoch: int, number: int
) -> Callable[[slice], tuple[Pixels, Targets]]:
    """Makes the function that varies and superposes some images of a window; partners come from the same window."""
    rng = rng_for(config.seed, "mixup", epoch, number)
    partners = rng.permutation(len(window.order))
    weights = sample_mixup(len(window.order), config.mixup, rng)

    def varied(rows: NDArray[np.int64]) -> Pixels:
        images = window.images[rows]
        return augment_images(images, window.keys[rows], config, epoch=epoch) if config.online else images

    def vary(part: slice) -> tuple[Pixels, Targets]:
        rows, weight = window.order[part], weights[part]
        images, targets = varied(rows), one_hot(window.labels[rows], num_classes)
        mixed = np.flatnonzero(weight < 1) if config.online else rows[:0]
        if len(mixed):
            other, weight = window.order[partners[part][mixed]], weight[mixed]
            images[mixed] = superpose_images(images[mixed], varied(other), weight)
            targets[mixed] = superpose_targets(targets[mixed], one_hot(window.labels[other], num_classes), weight)
        return images, targets

    return vary
