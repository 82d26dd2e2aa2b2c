"""Batches from shards in bounded memory: shuffled and varied for training, in order for evaluation.

A train set that fits `memory_gib` is read once and shuffled as a whole. A larger one goes through a shuffle buffer: an epoch
visits blocks of consecutive rows in random order, and as many of them as fit the buffer are shuffled together.

    a train set of 200 rows = blocks 0 to 3 of 64, 64, 64 and 8 rows;  a buffer of 128 rows
    order of the blocks in this epoch: 2, 0, 3, 1  ->  buffers: rows of 2 and 0, then rows of 3 and 1
    each buffer is shuffled, cut into parts that workers vary, and the parts are cut into batches

The order and every pixel are a pure function of (seed, epoch, shards), for any number of workers and any batch size. All
repeats of an image in an epoch stand in one buffer. So a class with fewer images than there are buffers is spread unevenly,
however it is balanced.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dataprep.augment.apply import augment_images
from dataprep.augment.balance import repeats_per_class, repeats_per_image, total_per_class
from dataprep.augment.drawn_parameters import active_operations
from dataprep.augment.mixing import (
    NOT_MIXED,
    Mixing,
    Targets,
    is_mixing,
    mix_images,
    mix_targets,
    mix_weights,
    mixed_alone,
    sample_mixing,
)
from dataprep.config.augment import AugmentConfig
from dataprep.config.base import SplitName
from dataprep.core.artifacts import Place
from dataprep.core.errors import ArtifactError
from dataprep.core.rng import rng_for, stable_hashes, uniforms_for
from dataprep.decode.image import Pixels
from dataprep.execute.executor import run_beside
from dataprep.store.shard_content import ShardLayout
from dataprep.store.shards import ShardEntry, ShardReader, check_shards, made_of, read_index

N = TypeVar("N", np.float32, np.int64)

BLOCK_ROWS = 64
BUFFER_BYTES = 64 * 2**20
PART_BYTES = 2 * 2**20
PART_ROWS = 1024


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A shard to read, its folder and the stage that makes it."""

    folder: Place
    entry: ShardEntry
    layout: ShardLayout
    stage: str

    @property
    def num_images(self) -> int:
        return self.entry.num_images

    def open(self) -> ShardReader:
        return ShardReader(self.folder, self.entry, self.layout, stage=self.stage)

    def source_ids(self) -> list[str]:
        """The ids of the images in it; of a stored copy, `<id>#<number>`, that of the image it was made of."""
        with self.open() as shard:
            ids = shard.ids()
        return [copy_id.rpartition("#")[0] for copy_id in ids] if self.stage == "augment" else ids


@dataclass(frozen=True, slots=True)
class TrainSet:
    """The shards to train on, the images of each class in them, and the shape (H, W, C) of one.

    `weights` (num_images,) says how much each row counts, in the order of the files; None = all the same.
    """

    files: list[ShardFile]
    class_counts: list[int]
    shape: tuple[int, int, int]
    weights: NDArray[np.float32] | None = None

    @property
    def num_images(self) -> int:
        return sum(self.class_counts)

    @property
    def num_classes(self) -> int:
        return len(self.class_counts)

    @property
    def num_target_columns(self) -> int:
        """Columns of the targets of a batch: one for each class, then the weight, where rows have one."""
        return self.num_classes + (self.weights is not None)

    @property
    def num_bytes(self) -> int:
        return self.num_images * math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Order:
    """How the rows of a train set come: in batches of so many, by this seed, from memory where they fit."""

    batch_size: int
    seed: int
    memory_gib: float


@dataclass(frozen=True, slots=True)
class Rows:
    """What is known of N images beside their pixels: labels (N,), hashes of the ids (N,), weights (N,) if there are any."""

    labels: NDArray[np.int64]
    keys: NDArray[np.uint64]
    weights: NDArray[np.float32] | None

    def __getitem__(self, chosen: NDArray[np.int64]) -> "Rows":
        weights = None if self.weights is None else self.weights[chosen]
        return Rows(self.labels[chosen], self.keys[chosen], weights)


@dataclass(frozen=True, slots=True)
class _ShuffleBuffer:
    """Images in memory, (n, H, W, C), and what is known of them; and which of them are shown, (m,), in this order."""

    images: Pixels
    rows: Rows
    shown: NDArray[np.int64]
    copies: NDArray[np.int64]  # (m,): 0 where a row is shown for the first time in this epoch, then 1 and up


@dataclass(frozen=True, slots=True)
class Part:
    """Some images of a buffer and what is to be done with them: first those that are shown, then their partners in mixing.

    images (m, H, W, C), m rows, copies (m,); mixing of the first n, whose partners are rows of this part, if any is.
    """

    images: Pixels
    rows: Rows
    copies: NDArray[np.int64]
    mixing: Mixing | None
    epoch: int


def find_train_set(prepared: Place, augmented: Place) -> TrainSet:
    """The prepared train shards and the materialised copies beside them.

    Every byte of both folders is compared with its index first, so that training does not start on damaged shards.

    Raises:
        ArtifactError: a shard is missing or damaged, or the copies are those of an earlier data set.
    """
    index = read_index(prepared, stage="prepare")
    copies = read_index(augmented, stage="augment")
    as_copied = index.model_copy(update={"shards": copies.shards, "made_of": made_of(index)})
    if copies != as_copied:
        raise ArtifactError(f"{augmented} holds copies of other images than {prepared} does. Run: dvc repro augment")
    check_shards(prepared, index.shards, stage="prepare")
    check_shards(augmented, copies.shards, stage="augment")
    files = files_of_split(prepared, "train")
    files += [ShardFile(augmented, entry, index.layout, "augment") for entry in copies.shards]
    return TrainSet(files, _class_counts(files, len(index.class_names)), index.shape)


def files_of_split(prepared: Place, split: SplitName) -> list[ShardFile]:
    """The prepared shards of one split."""
    index = read_index(prepared, stage="prepare")
    return [ShardFile(prepared, entry, index.layout, "prepare") for entry in index.of_split(split)]


def train_batches(
    train_set: TrainSet, config: AugmentConfig, order: Order, *, epochs: Iterable[int], workers: int = 0
) -> Iterator[tuple[Pixels, Targets]]:
    """Yields shuffled, varied and mixed batches, epoch after epoch.

    Args:
        train_set: where the rows are.
        config: what may happen to them; the variations have its seed.
        order: batch size and shuffling.
        epochs: their numbers, 1 and up; a batch holds images of one epoch.
        workers: processes that vary images beside this one, which then only reads and hands over; 0 = none.

    Yields:
        images (n, H, W, C) uint8 and targets (n, num_classes) float32; the rows of these sum to 1, but for superpositions.
        Where the train set has weights, the targets have one more column, the weight of each image.
    """
    vary = partial(vary_part, config=config, num_classes=train_set.num_classes)
    workers = workers if config.online and (active_operations(config) or is_mixing(config)) else 0
    varied = run_beside(vary, _parts(train_set, config, order, epochs), workers)
    sizes = even_sizes(num_shown(train_set, config), order.batch_size)
    for _, of_epoch in itertools.groupby(varied, key=lambda part: part[2]):
        yield from _regrouped(((images, targets) for images, targets, _ in of_epoch), sizes)


def num_train_batches(train_set: TrainSet, config: AugmentConfig, batch_size: int) -> int:
    """How many batches an epoch has."""
    return len(even_sizes(num_shown(train_set, config), batch_size))


def even_sizes(total: int, most: int) -> list[int]:
    """Sizes of the fewest batches of at most `most` images: as equal as can be, since batch normalisation measures each batch.

    A batch of one image has no variance, and spoils the averages. Where batches of two leave one image over, it joins another
    batch, which then has three.

    >>> even_sizes(65, 32), even_sizes(64, 32), even_sizes(5, 2)
    ([22, 22, 21], [32, 32], [3, 2])
    """
    count = math.ceil(total / most)
    if most > 1 and 2 * count > total > 1:
        count = total // 2
    return [total // count + (number < total % count) for number in range(count)]


def num_shown(train_set: TrainSet, config: AugmentConfig) -> int:
    """Images of an epoch, each as often as it is shown."""
    counts = np.array(train_set.class_counts)
    return int(total_per_class(counts, repeats_per_class(counts, config)).sum())


def vary_part(part: Part, *, config: AugmentConfig, num_classes: int) -> tuple[Pixels, Targets, int]:
    """Varies and mixes the images of a part.

    Returns:
        images (n, H, W, C) uint8, targets as `train_batches` yields them, and the number of the epoch.
    """
    images, targets, weights = part.images, one_hot(part.rows.labels, num_classes), part.rows.weights
    if config.online:
        images = augment_images(images, part.rows.keys, config, epoch=part.epoch, copy=part.copies)
        if part.mixing is not None:
            shape = part.images.shape[1:3]
            targets = mix_targets(targets, part.mixing, shape)
            weights = None if weights is None else mix_weights(weights, part.mixing, shape)
            images = mix_images(images, part.mixing, config.superpose)
    return images, targets if weights is None else np.column_stack([targets, weights]), part.epoch


def ordered_batches(
    prepared: Place, split: SplitName, batch_size: int
) -> Iterator[tuple[Pixels, NDArray[np.int64], list[str]]]:
    """Yields the images (n, H, W, C), labels (n,) and ids of one split in the order of its shards, unvaried."""
    yield from stored_batches(files_of_split(prepared, split), batch_size)


def chosen_batches(
    prepared: Place, split: SplitName, count: int, purpose: str, batch_size: int
) -> Iterator[tuple[Pixels, NDArray[np.int64], list[str]]]:
    """Yields images of one split that are chosen by a hash of their ids, as `ordered_batches` yields all.

    Args:
        prepared: the folder of the shards.
        split: whose images.
        count: how many, or all where there are fewer.
        purpose: names the draws; another word chooses other images.
        batch_size: of the batches that are read; those that are yielded are smaller.
    """
    limit = chosen_limit(prepared, split, count, purpose)
    for images, labels, ids in ordered_batches(prepared, split, batch_size):
        if (rows := chosen_rows(ids, limit, purpose)).size:
            yield images[rows], labels[rows], [ids[row] for row in rows]


def chosen_limit(prepared: Place, split: SplitName, count: int, purpose: str) -> float:
    """The largest draw of the images that `chosen_batches` chooses, with the same arguments; -1 where there is none."""
    draws = [np.zeros(0)]
    for file in files_of_split(prepared, split):
        with file.open() as shard:
            draws.append(uniforms_for(stable_hashes(shard.ids()), 0, purpose))
    chosen = np.sort(np.concatenate(draws))[:count]
    return float(chosen[-1]) if chosen.size else -1.0


def chosen_rows(ids: list[str], limit: float, purpose: str) -> NDArray[np.int64]:
    """Which of N images are chosen, by the `chosen_limit` of their split."""
    return np.flatnonzero(uniforms_for(stable_hashes(ids), 0, purpose) <= limit)


def stored_batches(files: Iterable[ShardFile], batch_size: int) -> Iterator[tuple[Pixels, NDArray[np.int64], list[str]]]:
    """Yields the images (n, H, W, C), labels (n,) and ids of shards, one after the other, unvaried."""
    for file in files:
        with file.open() as shard:
            labels, ids = shard.labels(), shard.ids()
            for start in range(0, len(shard), batch_size):
                stop = start + batch_size
                yield shard.images(start, stop), labels[start:stop], ids[start:stop]


def superposed_batches(
    prepared: Place, split: SplitName, config: AugmentConfig, batch_size: int
) -> Iterator[tuple[Pixels, Targets]]:
    """Yields images of one split, each superposed with others of it as `superpose` says, and the union of their labels.

    The mixtures are the same for any batch size, and nothing else is done to the images. The last few images of a split are
    left out where they have too few classes for a mixture.
    """
    index = read_index(prepared, stage="prepare")
    always = mixed_alone(config, "superpose")
    together = min(max(PART_BYTES // math.prod(index.shape), BLOCK_ROWS), PART_ROWS)
    in_order = ((images, labels) for images, labels, _ in ordered_batches(prepared, split, together))
    for number, (images, labels) in enumerate(_regrouped(in_order, itertools.repeat(together))):
        mixing = sample_mixing(labels, always, rng_for(config.seed, "superposed", split, number))
        if (mixing.kind == NOT_MIXED).any():
            continue
        mixed = mix_images(images, mixing, config.superpose)
        targets = mix_targets(one_hot(labels, len(index.class_names)), mixing, images.shape[1:3])
        for start in range(0, len(mixed), batch_size):
            yield mixed[start : start + batch_size], targets[start : start + batch_size]


def num_ordered_batches(prepared: Place, split: SplitName, batch_size: int) -> int:
    """How many batches `ordered_batches` yields."""
    return num_stored_batches(files_of_split(prepared, split), batch_size)


def num_stored_batches(files: Iterable[ShardFile], batch_size: int) -> int:
    """How many batches `stored_batches` yields."""
    return sum(math.ceil(file.num_images / batch_size) for file in files)


def one_hot(labels: NDArray[np.int64], num_classes: int) -> Targets:
    """(N,) integer labels as (N, num_classes) float32."""
    targets = np.zeros((len(labels), num_classes), dtype=np.float32)
    targets[np.arange(len(labels)), labels] = 1
    return targets


def _regrouped(pieces: Iterable[tuple[Pixels, NDArray[N]]], sizes: Iterable[int]) -> Iterator[tuple[Pixels, NDArray[N]]]:
    """Cuts and joins pieces to these sizes; what is left for the last one may be less."""
    waiting: list[tuple[Pixels, NDArray[N]]] = []
    wanted = iter(sizes)
    lacking = 0
    for images, targets in pieces:
        start = 0
        while start < len(images):
            lacking = lacking or next(wanted)
            taken = slice(start, start + lacking)
            waiting.append((images[taken], targets[taken]))
            start, lacking = taken.stop, lacking - len(waiting[-1][0])
            if not lacking:
                yield _joined(waiting)
                waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(pieces: list[tuple[Pixels, NDArray[N]]]) -> tuple[Pixels, NDArray[N]]:
    if len(pieces) == 1:
        return pieces[0]
    return np.concatenate([images for images, _ in pieces]), np.concatenate([targets for _, targets in pieces])


def _class_counts(files: list[ShardFile], num_classes: int) -> list[int]:
    counts = np.zeros(num_classes, dtype=np.int64)
    for file in files:
        with file.open() as shard:
            counts += np.bincount(shard.labels(), minlength=num_classes)
    counted: list[int] = counts.tolist()
    return counted


def _parts(train_set: TrainSet, config: AugmentConfig, order: Order, epochs: Iterable[int]) -> Iterator[Part]:
    """Cuts buffers into what one worker does at a time."""
    rows = _read_rows(train_set, config)
    per_class = repeats_per_class(np.array(train_set.class_counts), config)
    part_rows = min(max(PART_BYTES // math.prod(train_set.shape), 1), PART_ROWS)
    whole = _read_blocks(train_set, _blocks(train_set)) if train_set.num_bytes <= order.memory_gib * 2**30 else None
    for epoch in epochs:
        repeats = repeats_per_image(rows.labels, rows.keys, per_class, config.seed, epoch)
        buffers = _buffers(train_set, rows, repeats, whole, rng_for(order.seed, "shuffle", epoch))
        for number, buffer in enumerate(buffers):
            mixing = None
            if config.online and is_mixing(config):
                mixing = sample_mixing(buffer.rows.labels[buffer.shown], config, rng_for(config.seed, "mixing", epoch, number))
            for start in range(0, len(buffer.shown), part_rows):
                yield _part(buffer, mixing, slice(start, start + part_rows), epoch)


def _part(buffer: _ShuffleBuffer, mixing: Mixing | None, part: slice, epoch: int) -> Part:
    """The images of a part and those that they are mixed with; partners become rows of the part."""
    if mixing is None:
        rows = buffer.shown[part]
        return Part(buffer.images[rows], buffer.rows[rows], buffer.copies[part], None, epoch)
    chosen = np.arange(len(buffer.shown))[part]
    own = mixing[part]
    mixed = own.kind != NOT_MIXED
    others = np.unique(own.partners[mixed])
    partners = np.zeros_like(own.partners)
    partners[mixed] = len(chosen) + np.searchsorted(others, own.partners[mixed])
    every = np.concatenate([chosen, others])
    rows = buffer.shown[every]
    return Part(
        buffer.images[rows],
        buffer.rows[rows],
        buffer.copies[every],
        Mixing(own.kind, partners, own.weights, own.places),
        epoch,
    )


def _buffers(
    train_set: TrainSet, rows: Rows, repeats: NDArray[np.int64], whole: Pixels | None, rng: np.random.Generator
) -> Iterator[_ShuffleBuffer]:
    """One buffer of all rows where they are in memory, else one after the other from the shards."""
    if whole is not None:
        yield _buffer(whole, np.arange(len(whole)), rows, repeats, rng)
        return
    blocks = _blocks(train_set)
    first_rows = np.cumsum([0, *[file.num_images for file in train_set.files]])
    order = rng.permutation(len(blocks))
    rows_before = np.cumsum([0, *[blocks[index][2] - blocks[index][1] for index in order]])
    buffer_rows = max(BUFFER_BYTES // math.prod(train_set.shape), BLOCK_ROWS)
    first = 0
    while first < len(order):  # small blocks are many to a buffer
        last = max(int(np.searchsorted(rows_before, rows_before[first] + buffer_rows, side="right")) - 1, first + 1)
        chosen = [blocks[index] for index in order[first:last]]
        first = last
        numbers = np.concatenate([first_rows[number] + np.arange(start, stop) for number, start, stop in chosen])
        yield _buffer(_read_blocks(train_set, chosen), numbers, rows, repeats, rng)


def _buffer(
    images: Pixels, numbers: NDArray[np.int64], rows: Rows, repeats: NDArray[np.int64], rng: np.random.Generator
) -> _ShuffleBuffer:
    """Shuffles the images that stand in these rows of the train set, each as often as it is shown."""
    times = repeats[numbers]
    shown = np.repeat(np.arange(len(numbers)), times)
    copies = np.arange(len(shown)) - np.repeat(np.cumsum(times) - times, times)
    shuffled = rng.permutation(len(shown))
    return _ShuffleBuffer(images, rows[numbers], shown[shuffled], copies[shuffled])


def _blocks(train_set: TrainSet) -> list[tuple[int, int, int]]:
    """Of each block: the number of its file, its first row there, and the row after its last one."""
    return [
        (number, start, min(start + BLOCK_ROWS, file.num_images))
        for number, file in enumerate(train_set.files)
        for start in range(0, file.num_images, BLOCK_ROWS)
    ]


def _read_rows(train_set: TrainSet, config: AugmentConfig) -> Rows:
    labels, keys = [], []
    for file in train_set.files:
        with file.open() as shard:
            labels.append(shard.labels())
            # A hash for each id takes longer than to read the image; often nobody asks for it.
            asked = config.online or config.balance != "none"
            keys.append(stable_hashes(shard.ids()) if asked else np.zeros(len(shard), dtype=np.uint64))
    return Rows(np.concatenate(labels), np.concatenate(keys), train_set.weights)


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
