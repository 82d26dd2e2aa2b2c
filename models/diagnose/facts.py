"""What findings are made of: the scores, what is certain of them, and the settings of this training."""

from dataclasses import dataclass

import polars as pl

from dataprep.config.augment import AugmentConfig
from models.config.train import EarlyStoppingConfig
from models.diagnose.error_parts import Part, Standing, certain_parts, cut_error, standing
from models.diagnose.leakage_estimate import LeakageEstimate
from models.diagnose.metrics import ClassRecall, Metrics
from models.diagnose.saved_model_gap import TrainGap, find_gap
from models.diagnose.weak_classes import find_weak_classes
from models.train.early_stopping import best_epoch


@dataclass(frozen=True, slots=True)
class Settings:
    """What findings propose to change.

    Attributes:
        target_accuracy: `diagnose.target_accuracy`.
        augment: the section of params.yaml.
        epochs: `train.epochs`.
        batch_size: `train.batch_size`.
        learning_rate: `train.optimizer.learning_rate`.
        early_stopping: `train.early_stopping`.
        batch_normalisation: whether the network has it.
        head_classifies: the scores are of the very network whose training the history shows, and not of trees behind it.
    """

    target_accuracy: float
    augment: AugmentConfig
    epochs: int
    batch_size: int
    learning_rate: float
    early_stopping: EarlyStoppingConfig
    batch_normalisation: bool
    head_classifies: bool

    def kept_epoch(self, history: pl.DataFrame) -> dict[str, float]:
        """The row of a history whose weights were saved."""
        return best_epoch(self.early_stopping, history)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a finding may read.

    Attributes:
        settings: of this training.
        metrics: the scores.
        gap: the saved model is worse on its train images than it was in training. Its scores are then of a network that nobody
            trained, and nothing else is read from them: the next four say nothing.
        stands: validation against the target.
        parts: of the error.
        certain: those of the parts that are to be mended, the largest first.
        weak: the classes that are missed, the worst first.
        leakage: None where there are neither groups nor near duplicates.
    """

    settings: Settings
    metrics: Metrics
    gap: TrainGap | None
    stands: Standing | None
    parts: list[Part]
    certain: list[Part]
    weak: list[ClassRecall]
    leakage: LeakageEstimate | None

    def part(self, name: str) -> Part | None:
        """The part of that name, if it is certain and to be mended."""
        return next((part for part in self.certain if part.name == name), None)


def gather(metrics: Metrics, history: pl.DataFrame, leakage: LeakageEstimate | None, settings: Settings) -> Facts:
    """Judges the scores of the three splits against the target, against each other and against training.

    Args:
        metrics: the scores of the saved model.
        history: one row per epoch, as history.csv has them.
        leakage: what a random split would have gained.
        settings: of this training.
    """
    gap = find_gap(settings.kept_epoch(history), metrics, settings.augment) if settings.head_classifies else None
    if gap:
        return Facts(settings, metrics, gap, None, [], [], [], leakage)
    stands, parts = standing(metrics.validation, settings.target_accuracy), cut_error(metrics, settings.target_accuracy)
    weak = find_weak_classes(metrics, settings.target_accuracy)
    return Facts(settings, metrics, None, stands, parts, certain_parts(parts, stands), weak, leakage)
