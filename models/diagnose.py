"""The first verdict: is the model too weak, does it overfit, or do validation and test disagree; and what to try next.

The error is cut into three parts: train error above the target (bias), validation above train (variance), test above
validation (mismatch). A part counts where chance alone would rarely make it that large, by exact one-sided tests (binomial
against the target, Fisher's between two splits), and the largest one is the verdict.
Source: A. Ng, Machine Learning Yearning, 2018, chapters 20-27.
"""

from typing import Literal

import polars as pl
from scipy.stats import binomtest, fisher_exact

from dataprep.artifacts import Document
from models.config import DiagnoseConfig
from models.flattery import Flattery
from models.metrics import Metrics, Scores

Finding = Literal["high_bias", "high_variance", "validation_test_mismatch", "on_target", "within_chance"]

RARE = 0.05
"""Probability below which chance is no explanation."""


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

    format_version: Literal[2] = 2
    finding: Finding
    headline: str
    evidence: str
    next_experiment: str
    target_accuracy: float
    parts: list[Part]
    flattery: Flattery | None  # null where there are neither groups nor near duplicates


def diagnose(metrics: Metrics, config: DiagnoseConfig, flattery: Flattery | None) -> Diagnosis:
    """Judges the scores of the three splits against the target and against each other.

    Args:
        metrics: the scores.
        config: the target.
        flattery: what a random split would have gained, which stands beside the verdict and does not change it.
    """
    train, validation, test = metrics.train, metrics.validation, metrics.test
    target_error = 1 - config.target_accuracy
    parts = [
        Part(name="bias", size=train.error - target_error, p_value=_above(train, target_error)),
        Part(name="variance", size=validation.error - train.error, p_value=_worse(validation, train)),
        Part(name="mismatch", size=test.error - validation.error, p_value=_worse(test, validation)),
    ]
    missed = _above(validation, target_error) < RARE
    # Where the target is not missed for certain nothing needs mending, unless test says that validation cannot be trusted.
    suspects = [part for part in (parts if missed else parts[2:]) if part.counts]
    if missed and not suspects:
        suspects = parts[:2]  # what makes up the miss is not certain, and the larger part is the likelier
    finding: Finding
    if suspects:
        finding = _FINDINGS[max(suspects, key=lambda part: part.size).name]
    else:
        finding = "on_target" if validation.error <= target_error else "within_chance"
    headline, next_experiment = _WORDS[finding]
    return Diagnosis(
        finding=finding,
        headline=headline,
        evidence=(
            f"Error is {train.error:.1%} on train, {validation.error:.1%} on validation and {test.error:.1%} on test; the "
            f"target is {target_error:.1%}. The parts: " + "; ".join(_words(part) for part in parts) + "."
        ),
        next_experiment=next_experiment,
        target_accuracy=config.target_accuracy,
        parts=parts,
        flattery=flattery,
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


def _above(scores: Scores, target_error: float) -> float:
    """Probability of at least as many mistakes if the true error were the target."""
    return float(binomtest(scores.mistakes, scores.images, target_error, alternative="greater").pvalue)


def _worse(first: Scores, second: Scores) -> float:
    """Probability of at least such a difference if both splits had the same true error."""
    table = [[scores.mistakes, scores.images - scores.mistakes] for scores in (first, second)]
    return float(fisher_exact(table, alternative="greater").pvalue)


def _words(part: Part) -> str:
    if part.size <= 0:
        return f"no {part.name}"
    judged = "" if part.counts else f", which may be chance (p = {part.p_value:.2f})"
    return f"{part.name} {100 * part.size:.1f} points{judged}"


_FINDINGS: dict[str, Finding] = {
    "bias": "high_bias",
    "variance": "high_variance",
    "mismatch": "validation_test_mismatch",
}

_WORDS: dict[Finding, tuple[str, str]] = {
    "high_bias": (
        "High bias: the model is too weak for its own train images.",
        "Give it more: model.filters or model.dense_units up, model.dropout, l1 and l2 down, train.epochs up, less "
        "augmentation. Look at the mistakes first: wrong labels and unreadable images put a floor under the error.",
    ),
    "high_variance": (
        "High variance: the model knows its train images better than it understands new ones.",
        "Collect more train images of the classes confused most, or make them: augment.rotation, noise and mixup up; then "
        "model.dropout or model.l2 up; then a smaller network.",
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
    "within_chance": (
        "Just below target, which may be chance: validation is too small to tell.",
        "Enlarge validation (split.fractions) or collect more images before trusting a difference this small.",
    ),
}
