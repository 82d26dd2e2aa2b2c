"""One trial: the network that its parameters describe, fitted on the prepared images, judged after each epoch."""

import math

import keras

from dataprep.config.augment import AugmentConfig
from dataprep.core.artifacts import Place
from dataprep.core.errors import TrainError
from dataprep.feed.batches import TrainSet
from dataprep.store.statistics import Statistics
from models.config.model import ModelConfig
from models.config.train import TrainConfig
from models.search.study import Report
from models.train.compiled_network import compile_network
from models.train.final_classifier import fit_classifier
from models.train.two_phases import fit_in_phases


class _Judge(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """Reports the score of each epoch, and stops where the trial is hopeless."""

    def __init__(self, column: str, report: Report) -> None:
        super().__init__()
        self._column = column
        self._report = report
        self._epoch = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002  # as Keras calls it
        score = (logs or {}).get(self._column, math.nan)
        self._epoch += 1  # Keras counts from 0 again in a second phase
        if math.isfinite(score) and self._report(self._epoch, score):
            self.model.stop_training = True


def train_trial(
    train_set: TrainSet,
    statistics: Statistics,
    *,
    prepared: Place,
    model: ModelConfig,
    train: TrainConfig,
    augment: AugmentConfig,
    workers: int,
    metric: str,
    report: Report,
) -> float:
    """Fits a network; nothing is saved, and no test image is read.

    Args:
        train_set: what to fit on.
        statistics: of the train split.
        prepared: the folder with the validation shards.
        model: the network of this trial.
        train: how it is fitted.
        augment: what may happen to train images.
        workers: processes that vary them.
        metric: accuracy or loss, of validation.
        report: takes each epoch and its score.

    Raises:
        TrainError: the loss was not a number in any epoch.

    Returns:
        The score of what training would keep: of its best epoch, or of the trees in the place of the head.
    """
    column = f"val_{metric}"
    network = compile_network(model, train, train_set, statistics, augment=augment)
    history = fit_in_phases(
        network,
        train_set,
        model=model,
        prepared=prepared,
        config=train,
        augment=augment,
        workers=workers,
        callbacks=[_Judge(column, report)],
        checkpoints=None,
    )
    fitted = fit_classifier(network, train_set, history, model=model, prepared=prepared, config=train)
    score = float(fitted.scores[column])
    if not math.isfinite(score):
        raise TrainError(f"train: the validation {metric} must be a number; it was none in the best epoch")
    return score
