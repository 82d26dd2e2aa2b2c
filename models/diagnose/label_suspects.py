"""Images whose label is probably wrong: the network is surely of another opinion.

Confident learning: an image of label i is a suspect where the probability of another class j is at least the mean probability
that images labelled j get for j. Means are taken over the images that were not trained on; of train images the network may have
learnt wrong labels by heart, so fewer of them are found.

Source: C. G. Northcutt, L. Jiang, I. L. Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, 2021.
"""

import numpy as np
import polars as pl

from models.evaluate.predictions import PROBABILITY, class_names_of

COLUMNS = ("id", "split", "label", "suggested", "likelihood", "suggested_likelihood")
"""Of the table of suspects: likelihood is the probability of the label that the image has."""


def find_suspects(predictions: pl.DataFrame) -> pl.DataFrame:
    """Finds suspects among the images of all splits, the most certain first.

    Args:
        predictions: the table of predictions.

    Returns:
        The columns of `COLUMNS`.
    """
    names = class_names_of(predictions)
    numbers = {name: number for number, name in enumerate(names)}
    probabilities = predictions.select(f"{PROBABILITY}{name}" for name in names).to_numpy().astype(np.float64)
    labels = np.array([numbers[label] for label in predictions["label"]], dtype=np.int64)
    rows = np.arange(len(labels))
    thresholds = _self_confidence(probabilities, labels, (predictions["split"] != "train").to_numpy())
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
