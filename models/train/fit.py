"""Fits a compiled network: the same seed and data give the same weights, bit for bit, on the same kind of CPU."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import keras
import polars as pl
import tensorflow as tf

from dataprep.config.augment import AugmentConfig
from dataprep.core.artifacts import Place
from dataprep.core.errors import TrainError
from dataprep.feed.batches import Order, TrainSet, num_shown, num_train_batches
from dataprep.store.shards import read_index
from models.config.train import TrainConfig
from models.train.checkpoints import (
    Arrays,
    Checkpoint,
    CheckpointFile,
    read_checkpoint,
    restore_state,
    state_of,
    write_checkpoint,
)
from models.train.early_stopping import costs_of, is_best, waited_enough
from models.train.history_table import HISTORY
from models.train.progress import UNWATCHED, EpochProgress, Progress
from models.train.readiness import check_ready
from models.train.schedules import rate_of_epoch
from models.train.tf_datasets import Failures, own_failures, train_dataset, validation_dataset, with_sample_weights

RATE = "train.optimizer.learning_rate"
"""The key of params.yaml with the learning rate of the first phase."""


@dataclass(frozen=True, slots=True)
class Feed:
    """The batches of a training.

    Attributes:
        train: makes those of these epochs, one epoch after the other, as one stream.
        num_batches: of one epoch.
        num_images: that one epoch shows.
        validation: the same in each epoch.
    """

    train: Callable[[range], tf.data.Dataset]
    num_batches: int
    num_images: int
    validation: tf.data.Dataset


def fit(
    network: keras.Model,
    train_set: TrainSet,
    *,
    prepared: Place,
    config: TrainConfig,
    augment: AugmentConfig,
    workers: int,
    callbacks: Sequence[keras.callbacks.Callback],
    progress: Progress = UNWATCHED,
    checkpoint: CheckpointFile | None = None,
    rate_key: str = RATE,
    first_cause: str = "Correct model.network",
) -> pl.DataFrame:
    """Fits until early stopping, the time or the epochs end it, then puts the best epoch's weights back.

    Args:
        network: compiled; changed in place.
        train_set: what to fit on.
        prepared: the folder with the validation shards.
        config: epochs, batch size, seed of the order, schedule, early stopping.
        augment: what may happen to train images.
        workers: processes that vary them beside the training step; 0 = none, and a thread of this one does it.
        callbacks: what is called after each epoch; after a restart, also for the epochs before it.
        progress: shows how far it is.
        checkpoint: written after each epoch; where this training's is there, it goes on from it. None = nothing is kept.
        rate_key: where the learning rate stands in params.yaml, for an error that says what to lower.
        first_cause: why the loss of the first step would be no number, and what to change, for the error that says so.

    Raises:
        TrainError: training cannot begin (`check_ready`), or a loss was no number.
        DarkroomError, OSError: what went wrong while batches were made.

    Returns:
        One row per epoch: epoch, loss, accuracy (running means, with augmentation and dropout; of head sigmoid, the fraction of
        images whose classes are all right), val_loss, val_accuracy. The losses are those of `train.loss`; weights of images are
        in `loss` alone.
    """
    check_ready(train_set, read_index(prepared, stage="prepare"), config, augment)
    order = Order(config.batch_size, config.seed, config.memory_gib)
    failures: Failures = []

    def train(epochs: range) -> tf.data.Dataset:
        stream = train_dataset(train_set, augment, order, epochs=epochs, workers=workers, failures=failures)
        return with_sample_weights(stream, train_set.num_classes)

    def feed() -> Feed:
        return Feed(
            train,
            num_train_batches(train_set, augment, config.batch_size),
            num_shown(train_set, augment),
            validation_dataset(prepared, train_set, augment, batch_size=config.batch_size, failures=failures),
        )

    with own_failures(failures):
        return fit_datasets(
            network,
            feed,
            config=config,
            callbacks=callbacks,
            progress=progress,
            checkpoint=checkpoint,
            rate_key=rate_key,
            first_cause=first_cause,
        )


def fit_datasets(
    network: keras.Model,
    make_feed: Callable[[], Feed],
    *,
    config: TrainConfig,
    callbacks: Sequence[keras.callbacks.Callback],
    first_cause: str,
    progress: Progress = UNWATCHED,
    checkpoint: CheckpointFile | None = None,
    rate_key: str = RATE,
) -> pl.DataFrame:
    """Fits on datasets as `fit` does, then puts the best epoch's weights back.

    Args:
        network: compiled; changed in place.
        make_feed: makes the batches; it is not called where the checkpoint says that no epoch is left.
        config: epochs and when to stop.
        callbacks: called after each epoch.
        progress: shows how far it is.
        checkpoint: where each epoch is kept, so that a killed training goes on; None keeps none.
        rate_key: as of `fit`.
        first_cause: as of `fit`.

    Raises:
        TrainError: the loss was not a number.

    Returns:
        One row per epoch, as `fit` returns them.
    """
    epochs = _Epochs(config, checkpoint, rate_key, first_cause)
    epochs.restore(network)
    done = len(epochs.rows)
    for number, row in enumerate(epochs.rows):
        for callback in callbacks:
            callback.on_epoch_end(number, row)
    if not epochs.ended():
        feed = make_feed()
        network.fit(
            feed.train(range(done + 1, config.epochs + 1)),
            steps_per_epoch=feed.num_batches,
            epochs=config.epochs,
            initial_epoch=done,
            validation_data=feed.validation,
            # Last, so that a checkpoint is written when all others have seen its epoch.
            callbacks=[*callbacks, _epoch_progress(progress, config, feed), epochs],
            verbose=0,
            shuffle=False,  # the stream is shuffled
        )
    if not any(math.isfinite(row["val_loss"]) for row in epochs.rows):
        raise TrainError(
            f"train: the validation loss must be a number; it was none in any of {len(epochs.rows)} epochs. "
            f"Lower {rate_key} ({config.optimizer.learning_rate:g})"
        )
    network.set_weights(epochs.best)
    return pl.DataFrame(epochs.rows).select(pl.int_range(1, pl.len() + 1).alias("epoch"), *list(HISTORY)[1:])


def _epoch_progress(progress: Progress, config: TrainConfig, feed: Feed) -> EpochProgress:
    return EpochProgress(progress, num_epochs=config.epochs, num_batches=feed.num_batches, num_images=feed.num_images)


class _Epochs(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Keeps the history and the best weights, sets each epoch's rate, and ends the training."""

    def __init__(self, config: TrainConfig, file: CheckpointFile | None, rate_key: str, first_cause: str) -> None:
        super().__init__()
        self.rows: list[dict[str, float]] = []
        self.best: Arrays = []
        self._config, self._file, self._rate_key, self._first_cause = config, file, rate_key, first_cause
        self._seconds, self._began = 0.0, 0.0

    def restore(self, network: keras.Model) -> None:
        if self._file and (found := read_checkpoint(self._file)):
            self.rows, self.best, self._seconds = found.epochs, found.best, found.seconds
            restore_state(network, found.state)

    def ended(self) -> bool:
        done, most = len(self.rows), self._config.max_minutes * 60
        no_time = bool(most and done and self._seconds * (done + 1) / done > most)
        return no_time or done >= self._config.epochs or waited_enough(self._config.early_stopping, self._costs())

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002  # as Keras calls it
        self._began = time.monotonic()
        self.model.optimizer.learning_rate = rate_of_epoch(self._config, epoch + 1, self._costs())

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            epoch, step = len(self.rows) + 1, batch + 1
            lower = f"Lower {self._rate_key} ({self._config.optimizer.learning_rate:g})"
            cause = self._first_cause if epoch == step == 1 else f"The likely cause is that steps were too large. {lower}"
            raise TrainError(f"train: the loss must be a number; at step {step} of epoch {epoch} it was none. {cause}")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        self.rows.append({name: float(value) for name, value in (logs or {}).items()})
        if is_best(self._costs()):
            self.best = self.model.get_weights()
        self._seconds += time.monotonic() - self._began
        if self._file:
            write_checkpoint(self._file, Checkpoint(self.rows, self._seconds, state_of(self.model), self.best))
        if self.ended():  # another callback may have ended it before
            self.model.stop_training = True

    def _costs(self) -> list[float]:
        return costs_of(self._config.early_stopping, self.rows)
