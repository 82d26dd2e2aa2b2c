"""Scores of a split from its predictions, and how sure they are."""

from typing import Literal

import polars as pl
from sklearn.metrics import confusion_matrix, f1_score

from dataprep.artifacts import Document
from dataprep.config import SPLITS, SplitName
from dataprep.intervals import wilson_interval
from models.predictions import class_names_of


class Scores(Document):
    """Scores of one split; the interval is Wilson's at 95%."""

    images: int
    accuracy: float
    accuracy_interval: tuple[float, float]  # a list in JSON, which keeps it out of the columns of `dvc metrics show`
    macro_f1: float
    log_loss: float

    @property
    def mistakes(self) -> int:
        return self.images - round(self.accuracy * self.images)

    @property
    def error(self) -> float:
        return 1 - self.accuracy


class Confusion(Document):
    """Counts of images: one row per true class, one column per predicted class."""

    class_names: list[str]
    counts: list[list[int]]


class Metrics(Document):
    """What metrics.json holds."""

    format_version: Literal[1] = 1
    train: Scores
    validation: Scores
    test: Scores
    confusion: dict[SplitName, Confusion]

    def of_split(self, split: SplitName) -> Scores:
        return {"train": self.train, "validation": self.validation, "test": self.test}[split]


def measure(predictions: pl.DataFrame) -> Metrics:
    """Scores each split.

    Args:
        predictions: the table of predictions; each split has rows.
    """
    names = class_names_of(predictions)
    parts = {split: predictions.filter(pl.col("split") == split) for split in SPLITS}
    return Metrics(
        train=score(parts["train"]),
        validation=score(parts["validation"]),
        test=score(parts["test"]),
        confusion={split: confuse(rows, names) for split, rows in parts.items()},
    )


def score(rows: pl.DataFrame) -> Scores:
    """Scores the predictions of one split; macro F1 is over the classes that stand in it or are predicted."""
    correct = int((rows["label"] == rows["predicted"]).sum())
    labels, predicted = rows["label"].to_list(), rows["predicted"].to_list()
    present = sorted({*labels, *predicted})  # a class that the split lacks, and nobody sees in it, is no mistake
    return Scores(
        images=rows.height,
        accuracy=correct / rows.height,
        accuracy_interval=wilson_interval(correct / rows.height, rows.height),
        macro_f1=float(f1_score(labels, predicted, labels=present, average="macro", zero_division=0)),
        log_loss=float(rows["loss"].cast(pl.Float64).mean()),  # type: ignore[arg-type]  # polars types a mean of floats loosely
    )


def confuse(rows: pl.DataFrame, class_names: list[str]) -> Confusion:
    """Counts true against predicted classes."""
    counts = confusion_matrix(rows["label"].to_list(), rows["predicted"].to_list(), labels=class_names)
    return Confusion(class_names=class_names, counts=counts.tolist())
