"""What findings are made of: the scores, what is certain of them, and the settings of this training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from dataprep.config.augment import AugmentConfig
from dataprep.config.prepare import PrepareConfig
from dataprep.core.artifacts import Place
from dataprep.prepare.kept_detail import Detail, measure_detail
from dataprep.store.manifest import usable
from dataprep.store.shards import read_index
from models.config.train import EarlyStoppingConfig
from models.diagnose.error_parts import Part, Standing, certain_parts, cut_error, standing
from models.diagnose.evidence import Evidence
from models.diagnose.label_suspects import Doubtful, find_doubtful
from models.diagnose.leakage_estimate import LeakageEstimate
from models.diagnose.loss_curve import LossCurve, learning_curve
from models.diagnose.metrics import ClassRecall, Metrics
from models.diagnose.saved_model_gap import TrainGap, find_gap
from models.diagnose.weak_classes import RareClass, find_rare_classes, find_weak_classes
from models.train.early_stopping import best_epoch

FEW = 20_000
"""Independent train images. On fewer, a pretrained backbone was far better: by 28 points on 1,800 photographs of ten classes
(recipe transfer-photos), and by 23 on 1,399 of two."""
PHOTOGRAPH = 6.0
"""Bits of entropy of the gray levels: scans and drawings on a plain ground have less."""
SMALLEST = 32
"""Pixels of the shorter side; smaller pictures show a pretrained network nothing that it knows."""
FROM_SCRATCH = ("perceptron", "mlp", "cnn", "resnet")
"""Kinds of networks that start from random weights, classify, and take images of any size."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What findings propose to change.

    Attributes:
        target_accuracy: `diagnose.target_accuracy`.
        augment: the section of params.yaml.
        epochs: `train.epochs`.
        batch_size: `train.batch_size`.
        optimizer: `train.optimizer.kind`.
        learning_rate: `train.optimizer.learning_rate`.
        early_stopping: `train.early_stopping`.
        batch_normalisation: whether the network has it.
        network: `model.network.kind`.
        layers: the keys of `model.network`.
        l1: `model.l1`.
        l2: `model.l2`.
        fine_tunes: training has a second phase, with epochs and a rate of its own.
        head_classifies: the scores are of the very network whose training the history shows, and not of trees behind it.
    """

    target_accuracy: float
    augment: AugmentConfig
    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    early_stopping: EarlyStoppingConfig
    batch_normalisation: bool
    network: str
    layers: Mapping[str, Any]
    l1: float
    l2: float
    fine_tunes: bool
    head_classifies: bool

    @property
    def rate_over_usual(self) -> float:
        """The learning rate as a multiple of what is usual for this optimizer: Keras' own defaults."""
        return self.learning_rate / (0.01 if self.optimizer == "sgd" else 0.001)

    @property
    def rate_in_words(self) -> str:
        """The learning rate beside the usual one: "The rate is 0.2, 200 times what is usual for adam"."""
        return f"The rate is {self.learning_rate:g}, {self.rate_over_usual:.3g} times what is usual for {self.optimizer}"

    def kept_epoch(self, history: pl.DataFrame) -> dict[str, float]:
        """The row of a history whose weights were saved."""
        return best_epoch(self.early_stopping, history)


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the files hold, and what is stored of them.

    Attributes:
        detail: the median file, and which part of its values is stored.
        prepare: what prepare did.
        entropy: of the gray levels of the median file, in bits: drawings on a plain ground have few, photographs many. None
            where the manifest does not say.
        train_images: that are independent.
    """

    detail: Detail
    prepare: PrepareConfig
    entropy: float | None
    train_images: int

    @property
    def are_photographs(self) -> bool:
        """Whether they are in color and show more than a drawing does."""
        return self.detail.color == "RGB" and self.entropy is not None and self.entropy >= PHOTOGRAPH

    @property
    def are_few_photographs(self) -> bool:
        """Whether a pretrained network probably knows most of what can be learnt from them."""
        return self.are_photographs and min(self.detail.height, self.detail.width) >= SMALLEST and self.train_images <= FEW


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a finding may read.

    Attributes:
        settings: of this training.
        metrics: the scores.
        pictures: the images themselves.
        gap: the saved model is worse on its train images than it was in training. Its scores are then of a network that nobody
            trained, and nothing else is read from them: the next seven say nothing.
        curve: the epochs; None where trees classify, which the epochs say nothing of, and where training has two phases, which
            are no one curve.
        stands: validation against the target.
        parts: of the error.
        certain: those of the parts that are to be mended, the largest first.
        weak: the classes that are missed, the worst first.
        rare: the under-represented classes that are read worse than the others, the worst first.
        doubtful: labels of which many are probably wrong; None where the target is not missed, or mistakes have other causes.
        leakage: None where there are neither groups nor near duplicates.
        evidence: what was measured beside the scores.
    """

    settings: Settings
    metrics: Metrics
    pictures: Pictures
    gap: TrainGap | None
    curve: LossCurve | None
    stands: Standing | None
    parts: list[Part]
    certain: list[Part]
    weak: list[ClassRecall]
    rare: list[RareClass]
    doubtful: Doubtful | None
    leakage: LeakageEstimate | None
    evidence: Evidence

    @property
    def missing(self) -> float:
        """What validation accuracy lacks to the target, as a fraction of images."""
        return self.settings.target_accuracy - self.metrics.validation.accuracy

    def part(self, name: str) -> Part | None:
        """The part of that name, if it is certain and to be mended."""
        return next((part for part in self.certain if part.name == name), None)


def look_at(manifest: pl.DataFrame, prepared: Place, metrics: Metrics) -> Pictures:
    """What the files of a data set hold, and what is stored of them.

    Args:
        manifest: of the files.
        prepared: the folder of the shards.
        metrics: count what is independent.
    """
    images = usable(manifest)
    prepare = read_index(prepared, stage="prepare").prepare
    entropy = images.select(pl.col("entropy").median()).item() if "entropy" in images.columns else None
    return Pictures(measure_detail(images, prepare), prepare, entropy, round(metrics.train.effective_images))


def gather(
    metrics: Metrics,
    history: pl.DataFrame,
    pictures: Pictures,
    leakage: LeakageEstimate | None,
    evidence: Evidence,
    settings: Settings,
) -> Facts:
    """Judges the scores of the three splits against the target, against each other and against training.

    Args:
        metrics: the scores of the saved model.
        history: one row per epoch, as history.csv has them.
        pictures: the images.
        leakage: what a random split would have gained.
        evidence: what was measured beside the scores.
        settings: of this training.
    """
    kept = settings.kept_epoch(history)
    gap = find_gap(kept, metrics, settings.augment) if settings.head_classifies else None
    if gap:
        return Facts(settings, metrics, pictures, gap, None, None, [], [], [], [], None, leakage, evidence)
    one_curve = settings.head_classifies and not settings.fine_tunes
    curve = learning_curve(history, int(kept["epoch"])) if one_curve else None
    stands, parts = standing(metrics.validation, settings.target_accuracy), cut_error(metrics, settings.target_accuracy)
    weak = find_weak_classes(metrics, settings.target_accuracy)
    doubtful = find_doubtful(evidence.contradicted, metrics) if stands == "missed" else None
    rare, certain = find_rare_classes(metrics), certain_parts(parts, stands)
    return Facts(settings, metrics, pictures, None, curve, stands, parts, certain, weak, rare, doubtful, leakage, evidence)
