"""Fits the network and saves it: the same seed and data give the same file, byte for byte, on the same kind of CPU."""

import io
import json
import math
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import keras
import polars as pl
import tensorflow as tf

from dataprep.config.augment import AugmentConfig
from dataprep.core.artifacts import Place
from dataprep.core.errors import TrainError
from dataprep.feed.batches import Order, TrainSet, num_train_batches
from dataprep.store.statistics import Statistics
from models.config.model import ModelConfig
from models.config.train import TrainConfig
from models.layers.network import build_network
from models.train.datasets import Failures, train_dataset, validation_dataset

_MOST_MOMENTUM = 0.99
_LEFT_AFTER_AN_EPOCH = 0.01
"""Weight of the first values of an average after one epoch."""

_EPOCH_OF_ZIP = (1980, 1, 1, 0, 0, 0)


def build_model(model: ModelConfig, train: TrainConfig, train_set: TrainSet, statistics: Statistics) -> keras.Model:
    """Seeds Keras, builds the network and compiles it."""
    keras.backend.clear_session()  # or names count on from a network made before, and the saved file with them
    keras.utils.set_random_seed(train.seed)
    tf.config.experimental.enable_op_determinism()
    mean, divisor = statistics.scaling()
    network = build_network(
        model,
        shape=train_set.shape,
        num_classes=train_set.num_classes,
        mean=mean,
        divisor=divisor,
        momentum=averaging_momentum(math.ceil(train_set.num_images / train.batch_size)),
    )
    network.compile(
        optimizer=_OPTIMIZERS[train.optimizer](learning_rate=train.learning_rate),
        loss=_LOSSES[model.head],
        metrics=[keras.metrics.MeanMetricWrapper(_CORRECT[model.head], name="accuracy")],
    )
    return network


def averaging_momentum(steps_per_epoch: int) -> float:
    """Momentum with which the averages of batch normalisation forget what they started from within the first epoch.

    Keras' 0.99 takes some hundred steps; on a small set, early stopping and evaluation would judge averages that are far from
    those of the weights. From 459 steps on it is Keras' own.

    >>> averaging_momentum(2), averaging_momentum(1000)
    (0.1, 0.99)
    """
    return round(min(_MOST_MOMENTUM, math.pow(_LEFT_AFTER_AN_EPOCH, 1 / steps_per_epoch)), 6)


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
    stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=config.patience, restore_best_weights=True)
    if augment.superpose.probability > 0 and augment.superpose.num_images > train_set.num_classes:
        raise TrainError(
            f"params.yaml: augment.superpose.num_images must be at most the number of classes, {train_set.num_classes}; got "
            f"{augment.superpose.num_images}. Lower it"
        )
    order = Order(config.batch_size, config.seed, config.memory_gib)
    failures: Failures = []
    train = train_dataset(train_set, augment, order, epochs=config.epochs, workers=workers, failures=failures)
    validation = validation_dataset(prepared, train_set, augment, batch_size=config.batch_size, failures=failures)
    try:
        history = network.fit(
            train,
            steps_per_epoch=num_train_batches(train_set, augment, order),
            epochs=config.epochs,
            validation_data=validation,
            callbacks=[stopping, keras.callbacks.TerminateOnNaN(), *callbacks],
            verbose=verbose,
            shuffle=False,  # the stream is shuffled
        )
    except tf.errors.OpError:
        if failures:
            raise failures[0] from None
        raise
    if not any(map(math.isfinite, history.history.get("val_loss", []))):
        raise TrainError(
            f"train: the loss must be a number; it was none in any of {len(history.epoch) or 1} epochs. "
            f"Lower train.learning_rate ({config.learning_rate:g})"
        )
    columns = {name: history.history[name] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
    return pl.DataFrame({"epoch": range(1, len(columns["loss"]) + 1), **columns})


def exact_match(targets: keras.KerasTensor, probabilities: keras.KerasTensor) -> keras.KerasTensor:
    """1 for each of N images whose classes are all found and none besides, else 0.

    Args:
        targets: (N, num_classes), above 0.5 where the image has the class.
        probabilities: (N, num_classes), above 0.5 where the network says so.
    """
    same = keras.ops.equal(keras.ops.greater(targets, 0.5), keras.ops.greater(probabilities, 0.5))
    return keras.ops.cast(keras.ops.all(same, axis=-1), "float32")


def encode_model(network: keras.Model, *, recipe: dict[str, object]) -> bytes:
    """The bytes of a .keras file, without what differs from run to run: the date, memory addresses, the zip's times.

    Args:
        network: from `build_model`; it is compiled anew.
        recipe: class names and all that was done to the images; kept under "darkroom" in the file's metadata.
    """
    # A metric of our own could not be loaded without our code.
    network.compile(optimizer=network.optimizer, loss=network.loss, metrics=[_SAVED_METRICS[network.loss]])
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model.keras"
        network.save(saved)
        return _without_chance(saved.read_bytes(), recipe)


def _without_chance(saved: bytes, recipe: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in sorted(source.namelist()):
            content = source.read(name)
            if name == "metadata.json":
                metadata = json.loads(content)
                del metadata["date_saved"]
                content = json.dumps({**metadata, "darkroom": recipe}, sort_keys=True).encode()
            elif name == "config.json":
                content = json.dumps(_numbered(json.loads(content), {})).encode()
            target.writestr(zipfile.ZipInfo(name, date_time=_EPOCH_OF_ZIP), content)
    return buffer.getvalue()


def _numbered(node: object, seen: dict[int, int]) -> object:
    """Replaces each `shared_object_id`, a memory address, by the number of its first appearance."""
    if isinstance(node, list):
        return [_numbered(item, seen) for item in node]
    if isinstance(node, dict):
        return {
            key: seen.setdefault(value, len(seen)) if key == "shared_object_id" else _numbered(value, seen)
            for key, value in node.items()
        }
    return node


_OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
}

_LOSSES = {"softmax": "categorical_crossentropy", "sigmoid": "binary_crossentropy"}
_SAVED_METRICS = {"categorical_crossentropy": "categorical_accuracy", "binary_crossentropy": "binary_accuracy"}
_CORRECT = {"softmax": keras.metrics.categorical_accuracy, "sigmoid": exact_match}
