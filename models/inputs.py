"""From streams of numpy batches to what Keras fits on. Batches are made in a thread beside the training step."""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from dataprep.artifacts import Place
from dataprep.config import AugmentConfig
from dataprep.image import Pixels
from dataprep.mixing import Targets
from dataprep.stream import (
    Order,
    TrainSet,
    num_ordered_batches,
    num_train_batches,
    one_hot,
    ordered_batches,
    superposed_batches,
    train_batches,
)

PREFETCHED = 4


def train_dataset(train_set: TrainSet, config: AugmentConfig, order: Order, *, epochs: int, workers: int) -> tf.data.Dataset:
    """All epochs, one after the other, as one stream of (uint8 images, float32 targets).

    One stream, and not one per epoch, so that an epoch's number is never guessed from a callback.
    """

    def batches() -> Iterator[tuple[Pixels, Targets]]:
        yield from train_batches(train_set, config, order, epochs=range(1, epochs + 1), workers=workers)

    return _dataset(batches, epochs * num_train_batches(train_set, config, order), train_set.shape, train_set.num_classes)


def validation_dataset(prepared: Place, train_set: TrainSet, config: AugmentConfig, *, batch_size: int) -> tf.data.Dataset:
    """The validation images, unvaried, in the order of their shards; superposed where the train images are."""

    def batches() -> Iterator[tuple[Pixels, Targets]]:
        if config.superpose.probability > 0:
            yield from superposed_batches(prepared, "validation", config, batch_size)
            return
        for images, labels, _ in ordered_batches(prepared, "validation", batch_size):
            yield images, one_hot(labels, train_set.num_classes)

    num_batches = num_ordered_batches(prepared, "validation", batch_size)
    return _dataset(batches, num_batches, train_set.shape, train_set.num_classes)


def _dataset(
    batches: Callable[[], Iterator[tuple[Pixels, Targets]]],
    num_batches: int,
    shape: tuple[int, int, int],
    num_classes: int,
) -> tf.data.Dataset:
    signature = (tf.TensorSpec((None, *shape), np.uint8), tf.TensorSpec((None, num_classes), np.float32))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(num_batches)).prefetch(PREFETCHED)
