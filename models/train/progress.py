"""How far a training is. How that is shown, on a terminal or in a log, is decided elsewhere and changes nothing of it."""

import time
from collections.abc import Mapping

import keras


class Progress:
    """Receives each step. This one shows nothing: nobody watches."""

    def epoch_began(self, epoch: int, num_epochs: int, num_batches: int) -> None:
        """An epoch begins, numbered from 1; there are at most `num_epochs`."""

    def batch_ended(self, batch: int, images_per_second: float, scores: Mapping[str, float]) -> None:
        """So many batches of the epoch are done; loss and accuracy are its running means."""

    def epoch_ended(self, row: Mapping[str, float], images_per_second: float, seconds: float) -> None:
        """An epoch is over.

        Args:
            row: loss, accuracy, val_loss, val_accuracy.
            images_per_second: in training.
            seconds: training and validation.
        """

    def features_computed(self, batch: int, num_batches: int) -> None:
        """A frozen network has been run over so many batches, 1 and up."""

    def round_ended(self, number: int, num_rounds: int, scores: Mapping[str, float]) -> None:
        """Boosted trees of so many rounds are fitted; of at most `num_rounds`. The scores are val_loss, val_accuracy."""

    def fold_began(self, fold: int, num_folds: int, num_images: int) -> None:
        """A training begins that leaves out so many images, those of one of `num_folds` folds, numbered from 1."""


UNWATCHED = Progress()


class EpochProgress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Passes on to a `Progress` what Keras does."""

    def __init__(self, progress: Progress, *, num_epochs: int, num_batches: int, num_images: int) -> None:
        """Of one call of Keras' `fit`.

        Args:
            progress: receives each step.
            num_epochs: at most.
            num_batches: of an epoch.
            num_images: that an epoch shows.
        """
        super().__init__()
        self._progress = progress
        self._num_epochs, self._num_batches, self._num_images = num_epochs, num_batches, num_images
        self._began = self._trained = 0.0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002  # as Keras calls it
        self._began = time.monotonic()
        self._progress.epoch_began(epoch + 1, self._num_epochs, self._num_batches)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self._trained = time.monotonic()
        done = batch + 1
        self._progress.batch_ended(done, self._rate(done), logs or {})

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        seconds = time.monotonic() - self._began
        self._progress.epoch_ended(logs or {}, self._rate(self._num_batches), seconds)

    def _rate(self, num_batches: int) -> float:
        """Images per second, since the epoch began, until the last batch that was trained on."""
        images = self._num_images * num_batches / self._num_batches
        return images / max(self._trained - self._began, 1e-9)
