"""The first verdict: what the model misses, whether it is too weak or overfits, or whether validation and test disagree.

A class whose recall is certainly far below the target is named before anything else: the accuracy of all images may hide it.
Then the error is cut into three parts: train error above the target (bias), validation above train (variance), test above
validation (mismatch). A part counts where chance alone would rarely make it that large, by exact one-sided tests (binomial
against the target, Fisher's between two splits), and the largest one is the verdict. The target is missed where the whole 95%
interval of the validation accuracy lies below it, reached where it lies at or above it, and else nobody can tell. All of this
counts what is independent: groups and distinct pictures.
Source: A. Ng, Machine Learning Yearning, 2018, chapters 20-27.
"""

import math
from typing import Literal

import polars as pl

from dataprep.core.artifacts import Document
from dataprep.core.confidence_intervals import trials_to_decide
from models.config.diagnose import DiagnoseConfig
from models.diagnose.leakage_estimate import LeakageEstimate
from models.diagnose.metrics import Accuracy, Metrics
from models.diagnose.significance import RARE, chance_above, chance_worse
from models.diagnose.weak_classes import ADVICE, find_weak_classes, name_weak_classes, weakest_class

Finding = Literal[
    "weak_class",
    "high_bias",
    "high_variance",
    "validation_test_mismatch",
    "on_target",
    "cannot_tell",
    "evaluated_below_running",  # models/diagnose/train_gap.py
]

MOST = 100
"""Times as many images as there are; more are not worth a number."""


class Part(Document):
    """One part of the error: its size as a fraction of images, and the probability that chance alone makes it as large."""

    name: Literal["bias", "variance", "mismatch"]
    size: float
    p_value: float

    @property
    def counts(self) -> bool:
        return self.size > 0 and self.p_value < RARE


class Diagnosis(Document):
    """What diagnosis.json holds."""

    format_version: Literal[4] = 4
    finding: Finding
    headline: str
    evidence: str
    next_experiment: str
    target_accuracy: float
    parts: list[Part]
    leakage: LeakageEstimate | None  # null where there are neither groups nor near duplicates


def diagnose(metrics: Metrics, config: DiagnoseConfig, leakage: LeakageEstimate | None) -> Diagnosis:
    """Judges the scores of the three splits against the target and against each other.

    Args:
        metrics: the scores.
        config: the target.
        leakage: what a random split would have gained, which stands beside the verdict and does not change it.
    """
    train, validation, test = metrics.train, metrics.validation, metrics.test
    target_error = 1 - config.target_accuracy
    parts = [
        Part(name="bias", size=train.error - target_error, p_value=chance_above(train, target_error)),
        Part(name="variance", size=validation.error - train.error, p_value=chance_worse(validation, train)),
        Part(name="mismatch", size=test.error - validation.error, p_value=chance_worse(test, validation)),
    ]
    finding = _judge(parts, validation, config.target_accuracy)
    headline, next_experiment = _words(finding, validation, config.target_accuracy)
    weak = find_weak_classes(metrics, config.target_accuracy)
    if weak:
        missed = name_weak_classes(weak, config.target_accuracy)
        headline, next_experiment = _after(missed, headline, finding), _after(ADVICE, next_experiment, finding)
        finding = "weak_class"
    return Diagnosis(
        finding=finding,
        headline=headline,
        evidence=" ".join([_shares(metrics, target_error, parts), _beside(metrics), *_few_independent(metrics)]),
        next_experiment=next_experiment,
        target_accuracy=config.target_accuracy,
        parts=parts,
        leakage=leakage,
    )


def worst_mistakes(predictions: pl.DataFrame, split: str, count: int) -> pl.DataFrame:
    """The wrong predictions with the largest loss, worst first."""
    wrong = predictions.filter((pl.col("split") == split) & (pl.col("label") != pl.col("predicted")))
    return wrong.sort(["loss", "id"], descending=[True, False]).head(count)


def mistakes_by_cell(predictions: pl.DataFrame, split: str, count: int) -> pl.DataFrame:
    """Up to `count` wrong predictions for each pair of true and predicted class, worst first within a pair."""
    return (
        worst_mistakes(predictions, split, predictions.height).group_by("label", "predicted", maintain_order=True).head(count)
    )


def correct_examples(predictions: pl.DataFrame, split: str, count: int) -> pl.DataFrame:
    """Correct predictions of each class: the surest, the median and the least sure (for count 3; evenly spread otherwise)."""
    right = predictions.filter((pl.col("split") == split) & (pl.col("label") == pl.col("predicted")))
    ranked = right.sort(["loss", "id"]).with_columns(
        rank=pl.int_range(pl.len()).over("label"), last=(pl.len().over("label") - 1)
    )
    places = [round(step / max(count - 1, 1), 6) for step in range(count)]
    taken = pl.any_horizontal(*[pl.col("rank") == (pl.col("last") * place).round().cast(pl.Int64) for place in places])
    return ranked.filter(taken).sort("label", "rank").drop("rank", "last")


def _judge(parts: list[Part], validation: Accuracy, target: float) -> Finding:
    """The largest part that counts, or how the validation accuracy stands to the target."""
    low, high = validation.accuracy_interval
    missed = high < target
    # Where the target is not missed for certain nothing needs mending, unless test says that validation cannot be trusted.
    suspects = [part for part in (parts if missed else parts[2:]) if part.counts]
    if missed and not suspects:
        suspects = parts[:2]  # what makes up the miss is not certain, and the larger part is the likelier
    if suspects:
        return _FINDINGS[max(suspects, key=lambda part: part.size).name]
    return "on_target" if low >= target else "cannot_tell"


def _words(finding: Finding, validation: Accuracy, target: float) -> tuple[str, str]:
    """Headline and next experiment."""
    headline, next_experiment = _WORDS[finding]
    low, high = validation.accuracy_interval
    interval = f"{validation.accuracy:.1%} (95% interval {low:.1%} to {high:.1%})"
    return headline.format(seen=interval, target=f"{target:.1%}", more=_more(validation, target)), next_experiment


def _more(validation: Accuracy, target: float) -> str:
    """How many more images, or groups and pictures, it takes to tell the accuracy from the target."""
    times = trials_to_decide(validation.accuracy, target) / validation.effective_images
    if times > MOST:
        return "they are too close for any number of images within reach"
    copies = validation.clusters < validation.images
    count = max(math.ceil((times - 1) * (validation.clusters if copies else validation.images)), 1)
    shown = round(count, 1 - math.floor(math.log10(count)))  # two digits: it is an estimate
    what = "group or distinct picture" if copies else "image"
    several = "groups or distinct pictures" if copies else "images"
    return f"about {shown:,} more {what if shown == 1 else several} would tell"


def _after(first: str, then: str, finding: Finding) -> str:
    """The class that is missed, then what else is certain."""
    return first if finding in ("on_target", "cannot_tell") else f"{first} {then}"


def _shares(metrics: Metrics, target_error: float, parts: list[Part]) -> str:
    return (
        f"Error is {metrics.train.error:.1%} on train, {metrics.validation.error:.1%} on validation and "
        f"{metrics.test.error:.1%} on test; the target is {target_error:.1%}. The parts: " + "; ".join(map(_part, parts)) + "."
    )


def _part(part: Part) -> str:
    if part.size <= 0:
        return f"no {part.name}"
    judged = "" if part.counts else f", which may be chance (p = {part.p_value:.2f})"
    return f"{part.name} {100 * part.size:.1f} points{judged}"


def _beside(metrics: Metrics) -> str:
    """What an answer without a look would reach, and the class that fares worst."""
    weakest = weakest_class(metrics)
    low, high = weakest.accuracy_interval
    return (
        f"Answering {metrics.majority_class!r} for every image would be right in {metrics.validation.majority_accuracy:.1%} of "
        f"validation. The lowest recall there is that of {weakest.class_name!r}: {weakest.accuracy:.1%} "
        f"({low:.1%} to {high:.1%}; {weakest.images:,} {'image' if weakest.images == 1 else 'images'})."
    )


def _few_independent(metrics: Metrics) -> list[str]:
    """Says where images count less than one each."""
    few = [(name, metrics.of_split(name)) for name in ("validation", "test")]
    told = [f"{own.images:,} {name} images count as {own.worth:,}" for name, own in few if own.worth < own.images]
    return [f"Groups and copies are not independent: {', '.join(told)}."] if told else []


_FINDINGS: dict[str, Finding] = {
    "bias": "high_bias",
    "variance": "high_variance",
    "mismatch": "validation_test_mismatch",
}

_WORDS: dict[Finding, tuple[str, str]] = {  # of weak_class: models/diagnose/weak_classes.py
    "high_bias": (
        "High bias: the model is too weak for its own train images.",
        "Give it more: a larger model.network (filters, dense_units) with less dropout, model.l1 and l2 down, train.epochs up, "
        "less augmentation. Look at the mistakes first: wrong labels and unreadable images put a floor under the error.",
    ),
    "high_variance": (
        "High variance: the model knows its train images better than it understands new ones.",
        "Collect more train images of the classes confused most, or make them: augment.rotation, noise and mixup up; then "
        "model.network.dropout or model.l2 up; then a smaller network.",
    ),
    "validation_test_mismatch": (
        "Validation and test disagree: what validation promises, test does not keep.",
        "Compare the two sets (other sources, writers, cameras, times?) and draw validation from where test comes from. "
        "Until then, tuning on validation leads astray.",
    ),
    "on_target": (
        "On target: validation reaches what was asked.",
        "Read the worst mistakes for wrong labels, then raise diagnose.target_accuracy or stop here.",
    ),
    "cannot_tell": (
        "Cannot tell: validation is at {seen}, the target at {target}, and the difference may be chance; {more}.",
        "Enlarge validation (split.fractions) or collect more images or groups before trusting a difference this small.",
    ),
}
