"""Scores of a split from its predictions, and how sure they are."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, model_validator
from sklearn.metrics import confusion_matrix, f1_score

from dataprep.config.base import SPLITS, SplitName
from dataprep.core.artifacts import Count, Document, Fraction, Interval
from dataprep.core.confidence_intervals import estimate, wilson_interval
from models.evaluate.predictions import class_names_of


class Accuracy(Document):
    """A fraction of right answers and its 95% interval, as sure as images of one cluster allow (`confidence_intervals`)."""

    images: Annotated[int, Field(gt=0)]
    clusters: Annotated[int, Field(gt=0)]  # of groups, exact and near duplicates: what is independent
    effective_images: Annotated[float, Field(ge=0)]  # as many independent images measure as well
    accuracy: Fraction
    accuracy_interval: Interval  # a list in JSON, which keeps it out of the columns of `dvc metrics show`

    @property
    def mistakes(self) -> int:
        return self.images - round(self.accuracy * self.images)

    @property
    def error(self) -> float:
        return 1 - self.accuracy

    @property
    def in_words(self) -> str:
        """For example `0.9887 (0.9715 to 0.9956; 357 images)`."""
        low, high = self.accuracy_interval
        return f"{self.accuracy:.4f} ({low:.4f} to {high:.4f}; {self.images:,} images)"

    @property
    def worth(self) -> int:
        """The number of independent images that measure as well, for people."""
        return round(self.effective_images)


class Scores(Accuracy):
    """Scores of one split."""

    majority_accuracy: Fraction  # of always answering with the class that has most train images
    macro_f1: Fraction
    macro_f1_interval: Interval
    log_loss: Annotated[float, Field(ge=0)]


class ClassRecall(Accuracy):
    """The accuracy on the images of one class."""

    class_name: str


class ClassScores(Document):
    """How one class fares in a split that has images of it, or where it is predicted. Intervals are 95%, as of an accuracy."""

    class_name: str
    images: Count  # of the class
    predicted_images: Count  # that are read as it
    precision: Fraction | None  # of the images read as it, how many are; null where none is read as it
    precision_interval: Interval | None
    recall: Fraction | None  # of its images, how many are read as it; null where there are none
    recall_interval: Interval | None
    f1: Fraction
    f1_interval: Interval


class Confusion(Document):
    """Counts of images: one row per true class, one column per predicted class."""

    class_names: list[str]
    counts: list[list[Count]]

    @model_validator(mode="after")
    def _square(self) -> Self:
        if [len(row) for row in self.counts] != [len(self.class_names)] * len(self.class_names):
            raise ValueError(f"counts must have {len(self.class_names)} rows and columns, one for each class")
        return self


class Metrics(Document):
    """What metrics.json holds."""

    format_version: Literal[3] = 3
    majority_class: str
    train: Scores
    validation: Scores
    test: Scores
    recalls: dict[SplitName, list[ClassRecall]]  # of the classes that the split has
    classes: dict[SplitName, list[ClassScores]]  # precision, recall and F1, by class name
    confusion: dict[SplitName, Confusion]

    def of_split(self, split: SplitName) -> Scores:
        return {"train": self.train, "validation": self.validation, "test": self.test}[split]


def measure(predictions: pl.DataFrame) -> Metrics:
    """Scores each split.

    Args:
        predictions: the table of predictions with the column cluster; each split has rows.
    """
    names = class_names_of(predictions)
    parts = {split: predictions.filter(pl.col("split") == split) for split in SPLITS}
    majority = parts["train"].group_by("label").len().sort(["len", "label"], descending=[True, False])["label"][0]
    return Metrics(
        majority_class=majority,
        train=score(parts["train"], majority),
        validation=score(parts["validation"], majority),
        test=score(parts["test"], majority),
        recalls={split: recalls(rows) for split, rows in parts.items()},
        classes={split: class_scores(rows) for split, rows in parts.items()},
        confusion={split: confuse(rows, names) for split, rows in parts.items()},
    )


def score(rows: pl.DataFrame, majority_class: str) -> Scores:
    """Scores the predictions of one split; macro F1 is over the classes that stand in it or are predicted."""
    labels, predicted = rows["label"].to_list(), rows["predicted"].to_list()
    present = sorted({*labels, *predicted})  # a class that the split lacks, and nobody sees in it, is no mistake
    accuracy = accuracy_of(rows)
    macro_f1 = float(f1_score(labels, predicted, labels=present, average="macro", zero_division=0))
    return Scores(
        **accuracy.model_dump(),
        majority_accuracy=labels.count(majority_class) / len(labels),
        macro_f1=macro_f1,
        macro_f1_interval=_macro_f1_interval(rows, macro_f1, accuracy),
        log_loss=float(rows["loss"].cast(pl.Float64).mean()),  # type: ignore[arg-type]  # polars types a mean of floats loosely
    )


def recalls(rows: pl.DataFrame) -> list[ClassRecall]:
    """The accuracy on each class of one split, by class name."""
    by_class = rows.sort("label").partition_by("label", maintain_order=True)
    return [ClassRecall(**accuracy_of(own).model_dump(), class_name=own["label"][0]) for own in by_class]


def class_scores(rows: pl.DataFrame) -> list[ClassScores]:
    """Precision, recall and F1 of each class that stands in a split or is predicted there, by class name.

    F1 is 2 J / (1 + J), where J is the fraction of hits among the images that are of the class, or read as it, or both. J is a
    plain fraction, so its interval is too, and the interval of F1 is the same function of its ends.
    """
    names, (label, predicted) = _numbered(rows["label"], rows["predicted"])
    _, (cluster,) = _numbered(rows["cluster"])
    hits = label == predicted
    found = []
    for number, name in enumerate(names):
        of_class, read_as = label == number, predicted == number
        precision, recall = (estimate(hits[own], cluster[own]) if own.any() else None for own in (read_as, of_class))
        joint = estimate(hits[of_class | read_as], cluster[of_class | read_as])
        found.append(
            ClassScores(
                class_name=name,
                images=int(of_class.sum()),
                predicted_images=int(read_as.sum()),
                precision=precision.fraction if precision else None,
                precision_interval=precision.interval if precision else None,
                recall=recall.fraction if recall else None,
                recall_interval=recall.interval if recall else None,
                f1=_f1_of(joint.fraction),
                f1_interval=(_f1_of(joint.interval[0]), _f1_of(joint.interval[1])),
            )
        )
    return found


def _f1_of(jaccard: float) -> float:
    return 2 * jaccard / (1 + jaccard)


def _macro_f1_interval(rows: pl.DataFrame, macro_f1: float, accuracy: Accuracy) -> tuple[float, float]:
    """Wilson's, with as many trials as give the variance that macro F1 has when clusters are drawn.

    The variance is that of the influence of each cluster on macro F1. Where all are right there is none, and the trials are
    those of the accuracy.
    """
    if accuracy.clusters == 1 < accuracy.images:
        return 0.0, 1.0
    names, (label, predicted) = _numbered(rows["label"], rows["predicted"])
    _, (cluster,) = _numbered(rows["cluster"])
    hits, num_classes = label == predicted, len(names)
    either = np.bincount(label, minlength=num_classes) + np.bincount(predicted, minlength=num_classes)
    f1 = 2 * np.bincount(label[hits], minlength=num_classes) / either
    influence = ((hits - f1[label]) / either[label] + (hits - f1[predicted]) / either[predicted]) / num_classes
    by_cluster = np.bincount(cluster, weights=influence)
    variance = float((by_cluster**2).sum()) * len(by_cluster) / max(len(by_cluster) - 1, 1)
    spread = macro_f1 * (1 - macro_f1)
    trials = spread / variance if variance > 0 and spread > 0 else accuracy.effective_images
    return wilson_interval(macro_f1, max(trials, 1.0))


def _numbered(*columns: pl.Series) -> tuple[list[str], list[NDArray[np.int64]]]:
    """The different values of columns, sorted, and the columns as places in that list."""
    names, numbers = np.unique(np.concatenate([column.to_numpy() for column in columns]), return_inverse=True)
    return names.tolist(), np.split(numbers.astype(np.int64), len(columns))


def pool(recalls: Sequence[Accuracy], weights: Sequence[float]) -> Accuracy:
    """The accuracy on several classes together; effective images add up as in a stratified sample.

    Args:
        recalls: of the classes, at least one.
        weights: what each class counts, of any sum above 0: its images, or as often as these were shown.
    """
    total = sum(weights)
    shares = [weight / total for weight in weights]
    accuracy = min(sum(share * recall.accuracy for share, recall in zip(shares, recalls, strict=True)), 1.0)
    effective = 1 / sum(share**2 / recall.effective_images for share, recall in zip(shares, recalls, strict=True))
    return Accuracy(
        images=sum(recall.images for recall in recalls),
        clusters=sum(recall.clusters for recall in recalls),
        effective_images=effective,
        accuracy=accuracy,
        accuracy_interval=wilson_interval(accuracy, effective),
    )


def accuracy_of(rows: pl.DataFrame) -> Accuracy:
    """The accuracy of some predictions with their clusters."""
    found = estimate((rows["label"] == rows["predicted"]).to_numpy(), rows["cluster"].to_numpy())
    return Accuracy(
        images=found.images,
        clusters=found.clusters,
        effective_images=found.effective_images,
        accuracy=found.fraction,
        accuracy_interval=found.interval,
    )


def confuse(rows: pl.DataFrame, class_names: list[str]) -> Confusion:
    """Counts true against predicted classes."""
    counts = confusion_matrix(rows["label"].to_list(), rows["predicted"].to_list(), labels=class_names)
    return Confusion(class_names=class_names, counts=counts.tolist())
