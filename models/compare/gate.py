"""Whether a new model may take the place of the published one.

Two accuracies on two test sets say nothing about two models, since the sets differ. So both answer the same images, those that
stand in validation and test today, and are compared image by image. The published model does too well on images that it was
trained on, on their copies, and on images of the same writer:

    today's test:  a, b, c, d      the published model was trained on b; c is a near duplicate of b
    compared on:   a, d            2 images are left out and counted
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

from dataprep.config.base import SplitName
from dataprep.core.artifacts import Count, Document
from models.compare.difference import Difference, compare_runs
from models.config.gate import GateConfig
from models.diagnose.metrics import accuracy_of, recalls

CheckName: TypeAlias = Literal["accuracy", "class recall", "not worse", "quarantined", "unlike"]

HELD_OUT: tuple[SplitName, ...] = ("validation", "test")
"""The splits whose images a model is judged on."""


class Check(Document):
    """One condition of the gate."""

    name: CheckName
    passed: bool
    sentence: str  # what was found, and what was asked


class Judgement(Document):
    """What the gate says of a new model."""

    checks: list[Check]
    difference: Difference | None  # from the published to the new model; null where there is none, or no image in common
    left_out: Count  # images that the published model has seen in training

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def reason(self) -> str:
        """The checks that failed, in words; empty where all passed."""
        return "; ".join(check.sentence for check in self.checks if not check.passed)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a model is judged by.

    Attributes:
        answers: of the new model to today's images: id, split, label, predicted, cluster.
        published: of the published model to today's images, or some of them: id, predicted. None where there is no such model.
        seen: ids of today's images that the published model was trained on, or images of the same cluster.
        quarantined_fraction: of the files of today.
        unlike_fraction: of the new images, by the published model; None where it has looked at none.
        not_looked: why the published model has looked at no new image, though there are some; empty where that is not so.
        note: how the published model was asked, where it could not be asked anew.
    """

    answers: pl.DataFrame
    published: pl.DataFrame | None
    seen: pl.Series
    quarantined_fraction: float
    unlike_fraction: float | None
    not_looked: str = ""
    note: str = ""


def judge(evidence: Evidence, config: GateConfig) -> Judgement:
    """Puts a new model to every condition."""
    rows = evidence.answers.filter(pl.col("split").is_in(HELD_OUT))
    unseen = rows.filter(~pl.col("id").is_in(evidence.seen.implode()))
    difference = _compare(unseen, evidence.published) if evidence.published is not None else None
    left_out = rows.height - unseen.height if evidence.published is not None else 0
    checks = [
        _check_accuracy(rows, config.min_accuracy),
        _check_recalls(rows, config.min_class_recall),
        *(
            [_check_not_worse(difference, left_out, evidence.note)]
            if config.not_worse and evidence.published is not None
            else []
        ),
        _at_most("quarantined", evidence.quarantined_fraction, config.max_quarantined_fraction, "of the files are quarantined"),
        *_check_unlike(evidence, config.max_unlike_fraction),
    ]
    return Judgement(checks=checks, difference=difference, left_out=left_out)


def seen_in_training(images: pl.DataFrame, published: pl.DataFrame) -> pl.Series:
    """The images of today that a published model has seen: itself, its pixels, its group, or one of its cluster.

    Args:
        images: of today: id, digest, group, cluster.
        published: of the published version: id, digest, group, split.

    Returns:
        Their ids.
    """
    trained = published.filter(pl.col("split") == "train")
    known = pl.any_horizontal(
        pl.col(name).is_in(trained[name].drop_nulls().implode()).fill_null(value=False) for name in ("id", "digest", "group")
    )
    return images.filter(known.any().over("cluster"))["id"]


def _compare(rows: pl.DataFrame, published: pl.DataFrame) -> Difference | None:
    """Both models on the images to which both have an answer; None where there are none."""
    both = rows.join(published.select("id", earlier="predicted"), on="id", how="inner").sort("id")
    if both.is_empty():
        return None
    before = both.select("id", "cluster", right=pl.col("earlier") == pl.col("label"))
    after = both.select("id", "cluster", right=pl.col("predicted") == pl.col("label"))
    return compare_runs([before], [after])


def _check_accuracy(rows: pl.DataFrame, least: float) -> Check:
    found = accuracy_of(rows)
    sentence = f"accuracy on {found.images:,} validation and test images is {found.accuracy:.4f}; at least {least:g} is asked"
    return Check(name="accuracy", passed=found.accuracy >= least, sentence=sentence)


def _check_recalls(rows: pl.DataFrame, least: float) -> Check:
    worst = min(recalls(rows), key=lambda own: (own.accuracy, own.class_name))
    sentence = (
        f"the lowest recall is that of class {worst.class_name!r}, {worst.accuracy:.4f} on {worst.images:,} images; "
        f"at least {least:g} is asked"
    )
    return Check(name="class recall", passed=worst.accuracy >= least, sentence=sentence)


def _check_not_worse(difference: Difference | None, left_out: int, note: str) -> Check:
    seen = f"; {left_out:,} left out, which it has seen in training" if left_out else ""
    seen += f"; {note}" if note else ""
    if difference is None:
        return Check(name="not worse", passed=True, sentence=f"no image to compare with the published model{seen}")
    low, high = difference.interval
    sentence = (
        f"against the published model {100 * difference.difference:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}) on the "
        f"same {difference.images:,} images{seen}; McNemar p = {difference.p_value:.3g}"
    )
    worse = difference.verdict == "harmed"
    return Check(name="not worse", passed=not worse, sentence=f"it is worse: {sentence}" if worse else sentence)


def _check_unlike(evidence: Evidence, most: float) -> list[Check]:
    if evidence.unlike_fraction is not None:
        return [
            _at_most("unlike", evidence.unlike_fraction, most, "of the new images are unlike what the published model knows")
        ]
    if evidence.not_looked and most < 1:
        sentence = f"the published model cannot say whether new images are unlike what it knows: {evidence.not_looked}"
        return [Check(name="unlike", passed=True, sentence=sentence)]
    return []


def _at_most(name: CheckName, found: float, most: float, what: str) -> Check:
    return Check(name=name, passed=found <= most, sentence=f"{found:.1%} {what}; at most {most:.1%} may be")
