"""From streams of numpy batches to what Keras fits on. Batches are made in a thread beside the training step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from dataprep.augment.mixing import Targets
from dataprep.config.augment import AugmentConfig
from dataprep.core.artifacts import Place
from dataprep.decode.image import Pixels
from dataprep.feed.batches import (
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

Failures: TypeAlias = list[Exception]
"""What went wrong while batches were made. TensorFlow makes one class of it, and a page of text."""


@contextmanager
def own_failures(failures: Failures) -> Iterator[None]:
    """Raises what went wrong while batches were made, in place of TensorFlow's error about it."""
    try:
        yield
    except tf.errors.OpError:
        if failures:
            raise failures[0] from None
        raise


def train_dataset(
    train_set: TrainSet, config: AugmentConfig, order: Order, *, epochs: range, workers: int, failures: Failures
) -> tf.data.Dataset:
    """These epochs, numbered from 1, one after the other, as one stream of (uint8 images, float32 targets).

    Targets are those of `train_batches`, with a column for the weight where the train set has weights.

    One stream, and not one per epoch, so that an epoch's number is never guessed from a callback.
    """

    def batches() -> Iterator[tuple[Pixels, Targets]]:
        yield from train_batches(train_set, config, order, epochs=epochs, workers=workers)

    return _dataset(
        batches,
        len(epochs) * num_train_batches(train_set, config, order.batch_size),
        train_set.shape,
        train_set.num_target_columns,
        failures,
    )


def validation_dataset(
    prepared: Place, train_set: TrainSet, config: AugmentConfig, *, batch_size: int, failures: Failures
) -> tf.data.Dataset:
    """The validation images, unvaried, in the order of their shards; superposed where the train images are."""

    def batches() -> Iterator[tuple[Pixels, Targets]]:
        for images, labels, _ in ordered_batches(prepared, "validation", batch_size):
            yield images, one_hot(labels, train_set.num_classes)

    def mixtures() -> Iterator[tuple[Pixels, Targets]]:
        yield from superposed_batches(prepared, "validation", config, batch_size)

    if config.superpose.probability > 0:
        return _dataset(mixtures, sum(1 for _ in mixtures()), train_set.shape, train_set.num_classes, failures)
    num_batches = num_ordered_batches(prepared, "validation", batch_size)
    return _dataset(batches, num_batches, train_set.shape, train_set.num_classes, failures)


def with_sample_weights(dataset: tf.data.Dataset, num_classes: int) -> tf.data.Dataset:
    """The batches as Keras takes them: the column of the targets that holds weights, if there is one, is set apart."""
    if dataset.element_spec[1].shape[1] == num_classes:
        return dataset
    return dataset.map(lambda inputs, targets: (inputs, targets[:, :num_classes], targets[:, num_classes]))


def _dataset(
    batches: Callable[[], Iterator[tuple[Pixels, Targets]]],
    num_batches: int,
    shape: tuple[int, int, int],
    num_columns: int,
    failures: Failures,
) -> tf.data.Dataset:
    def noted() -> Iterator[tuple[Pixels, Targets]]:
        try:
            yield from batches()
        except Exception as error:
            failures.append(error)
            raise

    signature = (
        tf.TensorSpec((None, *shape), np.uint8),
        tf.TensorSpec((None, num_columns), np.float32),
    )
    dataset = tf.data.Dataset.from_generator(noted, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(num_batches)).prefetch(PREFETCHED)
