"""What cheap classifiers reach on the same images: a network that is not better has learnt nothing of use.

All see the images as small gray pictures (`tiny_images`). A control learns from shuffled labels: where the others are no
better than it, images and labels have nothing to do with each other, or not at this size.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from dataprep.core.artifacts import Count, Document, Fraction, Interval, Place
from dataprep.core.confidence_intervals import estimate
from dataprep.core.rng import rng_for
from models.diagnose.tiny_images import MOST_HELD_OUT, MOST_TRAIN, ProbeImages, draw_images, nearest_labels

_PARTS = (0.25, 0.5, 1.0)
_ITERATIONS = 100


class Baseline(Document):
    """Accuracy of one classifier on validation images."""

    name: str
    train_images: Count
    accuracy: Fraction
    accuracy_interval: Interval


class Baselines(Document):
    """The cheap classifiers, and the nearest neighbour on ever more of the train images, and on smaller ones."""

    nearest_neighbour: Baseline
    perceptron: Baseline  # multinomial logistic regression: one layer, no hidden ones
    shuffled: Baseline  # the nearest neighbour with the labels shuffled
    growth: list[Baseline]
    halved: Baseline  # the nearest neighbour on images of half the height and width

    @property
    def best(self) -> Baseline:
        return max((self.perceptron, self.nearest_neighbour), key=lambda own: own.accuracy)

    @property
    def is_related(self) -> bool:
        """Whether something can be learnt: a classifier is certainly better than the control."""
        return self.best.accuracy_interval[0] > self.shuffled.accuracy_interval[1]


def measure_baselines(prepared: Place, split: pl.DataFrame, *, seed: int) -> Baselines:
    """Trains the cheap classifiers on train images and scores them on validation images.

    Args:
        prepared: the folder of the shards.
        split: the split table; id and cluster are read.
        seed: of the images drawn, the parts and the shuffled labels.
    """
    clusters = split.select("id", "cluster")
    train = draw_images(prepared, "train", clusters, MOST_TRAIN, seed)
    held_out = draw_images(prepared, "validation", clusters, MOST_HELD_OUT, seed)
    order = rng_for(seed, "baselines").permutation(len(train.labels))
    growth = [_nearest(train, held_out, np.sort(order[: max(round(part * len(order)), 1)])) for part in _PARTS]
    shuffled = replace(train, labels=train.labels[order])
    small, small_held_out = (replace(own, features=own.halved) for own in (train, held_out))
    return Baselines(
        nearest_neighbour=growth[-1],
        perceptron=_perceptron(train, held_out),
        shuffled=_nearest(shuffled, held_out, np.arange(len(order))),
        growth=growth,
        halved=_nearest(small, small_held_out, np.arange(len(order))),
    )


def _nearest(train: ProbeImages, held_out: ProbeImages, rows: NDArray[np.int64]) -> Baseline:
    answers = nearest_labels(held_out.features, train.features[rows], train.labels[rows])
    return _score("nearest neighbour", len(rows), answers, held_out)


def _perceptron(train: ProbeImages, held_out: ProbeImages) -> Baseline:
    if len(np.unique(train.labels)) == 1:
        return _score("perceptron", len(train.labels), np.full(len(held_out.labels), train.labels[0]), held_out)
    with threadpool_limits(limits=1):  # sums are rounded by the number of threads
        scale = np.sqrt(train.features.shape[1])  # features have length 1: their values become about 1
        fitted = LogisticRegression(C=0.1, max_iter=_ITERATIONS, tol=1e-2).fit(scale * train.features, train.labels)
        answers = fitted.predict(scale * held_out.features)
    return _score("perceptron", len(train.labels), answers, held_out)


def _score(name: str, train_images: int, answers: NDArray[Any], held_out: ProbeImages) -> Baseline:
    found = estimate(answers == held_out.labels, held_out.clusters)
    return Baseline(name=name, train_images=train_images, accuracy=found.fraction, accuracy_interval=found.interval)
