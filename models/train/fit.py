"""Fits a compiled network: the same seed and data give the same weights, bit for bit, on the same kind of CPU."""

import math
from collections.abc import Sequence
from typing import Literal

import keras
import polars as pl
import tensorflow as tf

from dataprep.config.augment import AugmentConfig
from dataprep.core.artifacts import Place
from dataprep.core.errors import TrainError
from dataprep.feed.batches import Order, TrainSet, num_train_batches
from models.config.train import TrainConfig
from models.train.datasets import Failures, own_failures, train_dataset, validation_dataset


def fit(
    network: keras.Model,
    train_set: TrainSet,
    *,
    prepared: Place,
    config: TrainConfig,
    augment: AugmentConfig,
    workers: int,
    callbacks: Sequence[keras.callbacks.Callback],
    verbose: Literal[0, 1, 2],
) -> pl.DataFrame:
    """Fits until the validation loss has not fallen for `patience` epochs, then puts the best epoch's weights back.

    Args:
        network: compiled; changed in place.
        train_set: what to fit on.
        prepared: the folder with the validation shards.
        config: epochs, batch size, patience, seed of the order.
        augment: what may happen to train images.
        workers: processes that vary them beside the training step; 0 = none, and a thread of this one does it.
        callbacks: what else wants to hear of each epoch.
        verbose: Keras' own display: 0 none, 1 a progress bar, 2 a line per epoch.

    Raises:
        TrainError: the loss was not a number in any epoch, or there are fewer classes than a superposition wants.
        DarkroomError, OSError: what went wrong while batches were made.

    Returns:
        One row per epoch: epoch, loss, accuracy (running means, with augmentation and dropout; of head sigmoid, the fraction of
        images whose classes are all right), val_loss, val_accuracy.
    """
    if augment.superpose.probability > 0 and augment.superpose.num_images > train_set.num_classes:
        raise TrainError(
            f"params.yaml: augment.superpose.num_images must be at most the number of classes, {train_set.num_classes}; got "
            f"{augment.superpose.num_images}. Lower it"
        )
    order = Order(config.batch_size, config.seed, config.memory_gib)
    failures: Failures = []
    train = train_dataset(train_set, augment, order, epochs=config.epochs, workers=workers, failures=failures)
    validation = validation_dataset(prepared, train_set, augment, batch_size=config.batch_size, failures=failures)
    with own_failures(failures):
        return fit_datasets(
            network,
            train,
            validation,
            num_batches=num_train_batches(train_set, augment, order),
            config=config,
            callbacks=callbacks,
            verbose=verbose,
        )


def fit_datasets(
    network: keras.Model,
    train: tf.data.Dataset,
    validation: tf.data.Dataset,
    *,
    num_batches: int,
    config: TrainConfig,
    callbacks: Sequence[keras.callbacks.Callback],
    verbose: Literal[0, 1, 2],
) -> pl.DataFrame:
    """Fits on datasets until the validation loss has not fallen for `patience` epochs, then puts the best weights back.

    Args:
        network: compiled; changed in place.
        train: all epochs, one after the other, as one stream of batches.
        validation: batches, the same in each epoch.
        num_batches: of one epoch.
        config: epochs and patience.
        callbacks: what else wants to hear of each epoch.
        verbose: Keras' own display.

    Raises:
        TrainError: the loss was not a number in any epoch.

    Returns:
        One row per epoch, as `fit` returns them.
    """
    stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=config.patience, restore_best_weights=True)
    history = network.fit(
        train,
        steps_per_epoch=num_batches,
        epochs=config.epochs,
        validation_data=validation,
        callbacks=[stopping, keras.callbacks.TerminateOnNaN(), *callbacks],
        verbose=verbose,
        shuffle=False,  # the stream is shuffled
    )
    if not any(map(math.isfinite, history.history.get("val_loss", []))):
        raise TrainError(
            f"train: the loss must be a number; it was none in any of {len(history.epoch) or 1} epochs. "
            f"Lower train.optimizer.learning_rate ({config.optimizer.learning_rate:g})"
        )
    columns = {name: history.history[name] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
    return pl.DataFrame({"epoch": range(1, len(columns["loss"]) + 1), **columns})
