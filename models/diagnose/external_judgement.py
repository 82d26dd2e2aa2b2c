"""What can be said of a model from its predictions alone: no images, no training and no parameters are known.

What needs these is not guessed: a part of the error stands only where both of its splits are there.
"""

from dataclasses import dataclass

import polars as pl

from dataprep.config.base import SPLITS, SplitName
from models.diagnose.error_parts import Part, between, bias, in_words, standing
from models.diagnose.label_suspects import find_suspects
from models.diagnose.metrics import ClassRecall, Scores, recalls, score
from models.diagnose.slices import Slice, find_slices
from models.diagnose.weak_classes import weak_among
from models.evaluate.calibration import Calibration, calibrate

_SHOWN_FIRST: tuple[SplitName, ...] = ("validation", "test", "train")


@dataclass(frozen=True, slots=True)
class ExternalJudgement:
    """The judgement.

    Attributes:
        target_accuracy: what would be good enough.
        split: the one that is judged: validation, or what is there in its place.
        scores: of each split that has images.
        verdict: one sentence.
        remarks: what else is to be known, one sentence each.
        recalls: of the classes of the judged split, the lowest first.
        calibration: on the judged split.
        slices: groups of validation and test that are certainly read worse than the rest, the most certain first.
        suspects: images whose label is probably wrong, the most certain first; none of train, where wrong labels are learnt.
    """

    target_accuracy: float
    split: SplitName
    scores: dict[SplitName, Scores]
    verdict: str
    remarks: list[str]
    recalls: list[ClassRecall]
    calibration: Calibration
    slices: list[Slice]
    suspects: pl.DataFrame


def judge_external(rows: pl.DataFrame, *, target_accuracy: float, seed: int) -> ExternalJudgement:
    """Judges predictions.

    Args:
        rows: from `read_external_predictions`.
        target_accuracy: what would be good enough, in [0, 1].
        seed: of what is drawn.
    """
    parts = {split: own for split in SPLITS if (own := rows.filter(split=split)).height}
    split = next(name for name in _SHOWN_FIRST if name in parts)
    majority = parts.get("train", rows).group_by("label").len().sort(["len", "label"], descending=[True, False])["label"][0]
    scores = {name: score(own, majority) for name, own in parts.items()}
    ids = rows.select("id")
    slices = find_slices(rows.drop("group"), ids, ids, rows.select("id", "group"), seed=seed)
    by_class = sorted(recalls(parts[split]), key=lambda own: (own.accuracy, own.class_name))
    return ExternalJudgement(
        target_accuracy=target_accuracy,
        split=split,
        scores=scores,
        verdict=_verdict(split, scores[split], target_accuracy),
        remarks=[
            *_missed_classes(by_class, target_accuracy),
            *_parts_in_words(scores, target_accuracy),
            *_unknown(rows, scores),
        ],
        recalls=by_class,
        calibration=calibrate(parts[split], seed=seed),
        slices=[own for own in slices if own.is_certain],
        suspects=find_suspects(rows).filter(pl.col("split") != "train"),
    )


def _verdict(split: SplitName, own: Scores, target_accuracy: float) -> str:
    low, high = own.accuracy_interval
    goal = f"the target of {target_accuracy:.1%}"
    judged = {
        "reached": f"reaches {goal}",
        "missed": f"misses {goal}",
        "open": f"cannot be told from {goal}; more independent images would tell",
    }[standing(own, target_accuracy)]
    return f"The accuracy on {split} is {own.accuracy:.1%} (95% interval {low:.1%} to {high:.1%}) and {judged}."


def _missed_classes(by_class: list[ClassRecall], target_accuracy: float) -> list[str]:
    weak = weak_among(by_class, target_accuracy)
    return [f"Class {own.class_name!r} is missed: its recall is {own.accuracy:.1%} of {own.images:,} images." for own in weak]


def _parts_in_words(scores: dict[SplitName, Scores], target_accuracy: float) -> list[str]:
    """The parts of the error that are known, in one sentence."""
    train, validation, test = (scores.get(split) for split in SPLITS)
    known: list[Part] = [bias(train, target_accuracy)] if train else []
    if train and validation:
        known.append(between("variance", validation, train))
    if validation and test:
        known.append(between("mismatch", test, validation))
    return [f"Parts of the error: {'; '.join(map(in_words, known))}."] if known else []


def _unknown(rows: pl.DataFrame, scores: dict[SplitName, Scores]) -> list[str]:
    """What this table does not show."""
    reasons = {
        "train": "Without train images it cannot be told whether the model is too weak or needs more images.",
        "validation": "Without validation images each look at another split makes it less of a test.",
        "test": "Without test images it is not known whether the accuracy holds for images that played no part in any choice.",
    }
    lacking = [reason for split, reason in reasons.items() if split not in scores]
    if rows["group"].null_count() == rows.height:
        lacking.append(
            "Without groups each image counts as independent; where images of one person, place or burst are several, the "
            "intervals are too narrow."
        )
    return lacking
