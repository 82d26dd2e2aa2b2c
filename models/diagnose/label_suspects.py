"""Images whose label is probably wrong: the network is surely of another opinion.

Confident learning: an image of label i is a suspect where the probability of another class j is at least the mean probability
that images labelled j get for j. Means are taken over the images that were not trained on; of train images the network may have
learnt wrong labels by heart, so fewer of them are found. Where other networks were trained without them
(`diagnose.label_folds`), what these say of train images stands in its place.

Source: C. G. Northcutt, L. Jiang, I. L. Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, 2021.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from dataprep.core.confidence_intervals import wilson_interval
from models.diagnose.metrics import Metrics
from models.evaluate.predictions import class_names_of, probabilities_of

COLUMNS = ("id", "split", "label", "suggested", "likelihood", "suggested_likelihood")
"""Of the table of suspects: likelihood is the probability of the label that the image has."""


LEAST = 0.02
"""Part of the images that are clear suspects; fewer are looked at among the worst mistakes."""
CLEAR = 0.1
"""Probability that the network gives a label at most where it clearly contradicts it."""
MOSTLY = 0.5
"""Part of the mistakes on train images that are clear suspects, from which on labels explain the mistakes."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Labels of which many are probably wrong.

    Attributes:
        clear: the rows of the suspects that the network clearly contradicts.
        train: how many of these are train images.
        held_out: how many are not.
        share: of all images.
        interval: of the share, 95%.
    """

    clear: pl.DataFrame
    train: int
    held_out: int
    share: float
    interval: tuple[float, float]


def find_doubtful(suspects: pl.DataFrame, metrics: Metrics) -> Doubtful | None:
    """Whether labels explain the mistakes: many clear suspects, half of the mistakes on train images among them, and of others.

    A network that is too weak is not so sure of its mistakes, and one that learnt its train images by heart makes none there.

    Args:
        suspects: from `find_suspects`.
        metrics: the scores.
    """
    clear = suspects.filter(pl.col("likelihood") < CLEAR)
    train = clear.filter(pl.col("split") == "train").height
    held_out, images = clear.height - train, metrics.validation.images + metrics.test.images
    share, total = clear.height / (images + metrics.train.images), images + metrics.train.images
    interval = wilson_interval(share, total)
    few_in_train = train < max(MOSTLY * metrics.train.mistakes, LEAST * metrics.train.images)
    if interval[0] < LEAST or few_in_train or held_out < LEAST * images:
        return None
    return Doubtful(clear, train, held_out, share, interval)


def find_suspects(predictions: pl.DataFrame, folds: pl.DataFrame | None = None) -> pl.DataFrame:
    """Finds suspects among the images of all splits, the most certain first.

    Args:
        predictions: the table of predictions, by id.
        folds: what networks say of train images they did not see (`models.train.out_of_fold_table`); none, or empty:
            nothing is known.

    Returns:
        The columns of `COLUMNS`.
    """
    names = class_names_of(predictions)
    probabilities, labels = probabilities_of(predictions)
    rows = np.arange(len(labels))
    is_train = (predictions["split"] == "train").to_numpy()
    held_out = ~is_train
    if folds is not None and folds.height:
        probabilities[is_train] = folds.drop("id").to_numpy()
        held_out[:] = True
    thresholds = _self_confidence(probabilities, labels, held_out)
    others = np.where(probabilities >= thresholds, probabilities, -1.0)
    others[rows, labels] = -1.0
    suggested = others.argmax(axis=1)
    own, other = probabilities[rows, labels], others[rows, suggested]
    found = predictions.select("id", "split", "label").with_columns(
        suggested=pl.Series([names[number] for number in suggested]),
        likelihood=pl.Series(own.astype(np.float32)),
        suggested_likelihood=pl.Series(other.astype(np.float32)),
        margin=pl.Series(np.round(own - other, 6)),
    )
    return found.filter(pl.Series(other > own)).sort("margin", "id").select(COLUMNS)


def _self_confidence(probabilities: np.ndarray, labels: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """(num_classes,) the mean probability of its own class; a class without such an image is never suggested."""
    means = np.full(probabilities.shape[1], np.inf)
    for label in np.unique(labels[held_out]):
        means[label] = probabilities[held_out & (labels == label), label].mean()
    return means
