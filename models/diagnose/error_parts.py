"""The error in three parts: bias, train above the target; variance, validation above train; mismatch, test above validation.

A part is certain where chance alone would rarely make it that large, by exact one-sided tests (binomial against the target,
Fisher's between two splits). The target is missed where the whole 95% interval of the validation accuracy lies below it,
reached where it lies at or above it, and else open. All of this counts what is independent: groups and distinct pictures.

For example: target 99%, error 1% on train, 6% on validation, 7% on test: bias 0, variance 5 and mismatch 1 points.

Source: A. Ng, Machine Learning Yearning, 2018, chapters 20-27.
"""

from dataclasses import dataclass
from typing import Literal

from dataprep.core.confidence_intervals import wilson_interval
from models.diagnose.metrics import Accuracy, Metrics
from models.diagnose.significance import RARE, chance_above, chance_worse, difference_interval

PartName = Literal["bias", "variance", "mismatch"]
Standing = Literal["reached", "missed", "open"]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the error.

    Attributes:
        name: which.
        size: as a fraction of images; below 0 where there is no such part.
        interval: of the size, at 95%.
        p_value: the probability that chance alone makes it as large.
    """

    name: PartName
    size: float
    interval: tuple[float, float]
    p_value: float

    @property
    def is_certain(self) -> bool:
        return self.size > 0 and self.p_value < RARE


def cut_error(metrics: Metrics, target_accuracy: float) -> list[Part]:
    """The three parts, which add up to the test error above the target.

    Args:
        metrics: the scores.
        target_accuracy: in [0, 1].
    """
    train, validation, test = metrics.train, metrics.validation, metrics.test
    variance = between("variance", validation, as_alike(train, validation))
    return [bias(train, target_accuracy), variance, between("mismatch", test, validation)]


def bias(train: Accuracy, target_accuracy: float) -> Part:
    """Train above the target."""
    low, high = train.accuracy_interval
    interval = (target_accuracy - high, target_accuracy - low)
    return Part("bias", target_accuracy - train.accuracy, interval, chance_above(train, 1 - target_accuracy))


def between(name: PartName, worse: Accuracy, better: Accuracy) -> Part:
    """One split above another."""
    return Part(name, better.accuracy - worse.accuracy, difference_interval(better, worse), chance_worse(worse, better))


def as_alike(train: Accuracy, validation: Accuracy) -> Accuracy:
    """Train, with images of a group as alike as those of validation, where train itself does not show it.

    Where every train image is read rightly, as by most networks that have learnt a small set by heart, 500 images of 25 writers
    would count as 25, and no gap to validation would ever be certain. Validation has mistakes, and shows how far they come
    together, where its groups are at least half as large: of single images nothing is learnt about copies.

    The design effect is 1 + (size of a group - 1) x correlation within groups (Kish, as in `confidence_intervals`).
    """
    size, shown = train.images / train.clusters, validation.images / validation.clusters
    if train.mistakes or 1 in (train.clusters, size, validation.clusters, shown) or not validation.mistakes or shown < size / 2:
        return train
    correlation = (validation.images / validation.effective_images - 1) / (shown - 1)
    effective = max(train.images / (1 + (size - 1) * correlation), train.effective_images)
    return train.model_copy(update={"effective_images": effective, "accuracy_interval": wilson_interval(1.0, effective)})


def standing(validation: Accuracy, target_accuracy: float) -> Standing:
    """How the validation accuracy stands to the target."""
    low, high = validation.accuracy_interval
    if high < target_accuracy:
        return "missed"
    return "reached" if low >= target_accuracy else "open"


def certain_parts(parts: list[Part], stands: Standing) -> list[Part]:
    """The parts to mend, the largest first.

    Where the target is not missed for certain nothing needs mending, unless test says that validation cannot be trusted.
    """
    asked = parts if stands == "missed" else parts[2:]
    return sorted((part for part in asked if part.is_certain), key=lambda part: -part.size)


def in_words(part: Part) -> str:
    """For example "variance 4.9 points, which may be chance (p = 0.07)"."""
    if part.size <= 0:
        return f"no {part.name}"
    judged = "" if part.is_certain else f", which may be chance (p = {part.p_value:.2f})"
    return f"{part.name} {100 * part.size:.1f} points{judged}"
