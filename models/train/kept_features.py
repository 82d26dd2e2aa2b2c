"""Features of a frozen backbone: computed once, kept on the disk, and handed to the layers behind it epoch after epoch.

images --(frozen backbone, once)--> features --(layers behind it, each epoch)--> probabilities
"""

import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from dataprep.augment.mixing import Targets
from dataprep.core.rng import rng_for
from dataprep.decode.image import Pixels
from dataprep.feed.batches import even_sizes
from models.layers.features import FEATURES
from models.train.progress import UNWATCHED, Progress

BATCH = 16
"""Images at a time. More are not faster on a CPU, and need more memory."""

_PREFETCHED = 4


@dataclass(frozen=True, slots=True)
class KeptFeatures:
    """What a backbone makes of some images, and what they show.

    Attributes:
        rows: (N, F + T) float32, mapped into memory: F features, then the T columns of the targets.
        num_target_columns: T, the classes and, where images have one, the weight.
    """

    rows: NDArray[np.float32]
    num_target_columns: int

    def part(self, chosen: slice | NDArray[np.int64]) -> tuple[NDArray[np.float32], Targets]:
        """Features (n, F) and targets (n, T) of some rows."""
        rows = self.rows[chosen]
        return rows[:, : -self.num_target_columns], rows[:, -self.num_target_columns :]


def split_at_features(network: keras.Model) -> tuple[keras.Model, keras.Model]:
    """The network as two that share its layers: from images to the frozen features, and from these to probabilities."""
    features = network.get_layer(FEATURES).output
    return keras.Model(network.input, features), keras.Model(features, network.output)


def keep_features(
    backbone: keras.Model, batches: Iterable[tuple[Pixels, Targets]], *, num_batches: int, progress: Progress = UNWATCHED
) -> KeptFeatures:
    """Runs images through a backbone and keeps what comes out in a temporary file, which goes when nobody uses it any more.

    Args:
        backbone: (N, H, W, C) uint8 to (N, F) float32.
        batches: of images, and targets (N, T).
        num_batches: how many of these to take.
        progress: shows how far it is.

    Raises:
        OSError: the disk is full, or the like.
    """
    num_columns = 0
    backbone.jit_compile = False  # or Keras takes XLA where operations need not be deterministic
    with tempfile.TemporaryFile() as file:
        for number, (images, targets) in enumerate(itertools.islice(batches, num_batches), start=1):
            num_columns = targets.shape[1]
            file.write(np.hstack([backbone.predict_on_batch(images), targets]).astype(np.float32).tobytes())
            progress.features_computed(number, num_batches)
        file.flush()  # a full disk is an error here, and not where the mapped file is read
        rows = np.memmap(file, np.float32, mode="r")
    return KeptFeatures(rows.reshape(-1, backbone.output_shape[-1] + num_columns), num_columns)


def shuffled_dataset(copies: list[KeptFeatures], *, batch_size: int, seed: int, epochs: range) -> tf.data.Dataset:
    """These epochs, one after the other, as one stream of (features, targets); the epochs take turns with the copies."""

    def batches() -> Iterator[tuple[NDArray[np.float32], Targets]]:
        for epoch in epochs:
            kept = copies[(epoch - 1) % len(copies)]
            order = rng_for(seed, "features", epoch).permutation(len(kept.rows))
            start = 0
            for size in even_sizes(len(kept.rows), batch_size):
                yield kept.part(order[start : start + size])
                start += size

    return _dataset(batches, copies[0], len(epochs) * num_epoch_batches(copies, batch_size))


def ordered_dataset(kept: KeptFeatures, *, batch_size: int) -> tf.data.Dataset:
    """The rows once, in their order."""
    starts = range(0, len(kept.rows), batch_size)
    return _dataset(lambda: (kept.part(slice(start, start + batch_size)) for start in starts), kept, len(starts))


def num_epoch_batches(copies: list[KeptFeatures], batch_size: int) -> int:
    """How many batches an epoch of `shuffled_dataset` has."""
    return len(even_sizes(len(copies[0].rows), batch_size))


def _dataset(
    batches: Callable[[], Iterator[tuple[NDArray[np.float32], Targets]]], like: KeptFeatures, count: int
) -> tf.data.Dataset:
    features, targets = like.part(slice(0, 1))
    signature = tuple(tf.TensorSpec((None, part.shape[1]), np.float32) for part in (features, targets))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(count)).prefetch(_PREFETCHED)
