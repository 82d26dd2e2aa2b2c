"""Whether an image is unlike the training images: by its figures, and by what the network makes of it.

Two kinds of checks share one limit for false alarms. The figures (brightness, strokes, size and the like) say in words what is
unusual; the distance in the network's features sees what no figure says, as a digit that lies on its side. The limits are
chosen together on validation images: first the narrowest ranges of all figures with which at most `FIGURES_SHARE` of the images
lie outside any; then the shortest distance with which the upper end of the 95% interval of all alarms is at most `ALARMS`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dataprep.config.base import SplitName
from dataprep.core.artifacts import Place
from dataprep.core.confidence_intervals import estimate
from dataprep.feed.batches import chosen_limit, chosen_rows
from models.evaluate.class_gaussians import ClassGaussians, fit_gaussians
from models.evaluate.feature_table import Floats
from models.evaluate.trial_images import clusters_of
from models.evaluate.usual_facts import (
    LOOSENESS,
    NAMES,
    Numbers,
    UsualFacts,
    quantiles_of,
    sizes_of_files,
    usual_facts,
)

ALARMS = 0.05
"""Part of validation images that may be called unlike: the upper end of its interval."""
FIGURES_SHARE = 0.01
"""Part of validation images that may lie outside the range of a figure."""
FITTED_IMAGES = 20_000
"""Train images by which the ranges and the Gaussians are found, at most."""
JUDGED_IMAGES = 10_000
"""Validation images by which the limits are chosen, at most."""

_PURPOSE = "unlike"
"""Names the draws by which these images are chosen."""


@dataclass(frozen=True, slots=True)
class Looked:
    """N images of one split: labels (N,), predicted classes (N,), figures (N, F) of `FIGURES`, deep features (N, D)."""

    split: SplitName
    ids: list[str]
    labels: NDArray[np.int64]
    classes: NDArray[np.int64]
    figures: Numbers
    features: Floats

    def chosen(self, limits: dict[SplitName, float]) -> "Looked":
        """Those of them by which it is found what is usual.

        Args:
            limits: of each split, from `chosen_limits`.
        """
        rows = chosen_rows(self.ids, limits.get(self.split, -1.0), _PURPOSE)
        ids = [self.ids[row] for row in rows]
        return Looked(self.split, ids, self.labels[rows], self.classes[rows], self.figures[rows], self.features[rows])


def chosen_limits(prepared: Place) -> dict[SplitName, float]:
    """By what the images are chosen that `fit_unlike` wants: some train and some validation images."""
    counts: dict[SplitName, int] = {"train": FITTED_IMAGES, "validation": JUDGED_IMAGES}
    return {split: chosen_limit(prepared, split, count, _PURPOSE) for split, count in counts.items()}


@dataclass(frozen=True, slots=True)
class Unlike:
    """What is usual, and from where on an image is unlike.

    Attributes:
        facts: the range of each figure.
        gaussians: of the deep features; None of a network without features.
        limit: the distance from its class beyond which an image is unlike; infinite without Gaussians.
        alarms: part of the validation images that is called unlike; nan where there was none to choose by.
    """

    facts: UsualFacts
    gaussians: ClassGaussians | None
    limit: float
    alarms: float

    def reasons(
        self, figures: Numbers, features: Floats, probabilities: Floats, class_names: list[str]
    ) -> list[tuple[str, ...]]:
        """In what each of N images is unlike, in words; nothing of a usual one.

        Args:
            figures: (N, F) in the order of `usual_facts.NAMES`.
            features: (N, D) deep features.
            probabilities: (N, num_classes).
            class_names: by number.
        """
        outside = self.facts.outside(figures)
        classes = probabilities.argmax(axis=1)
        far = self.distances(features, classes) > self.limit
        found = []
        for row in range(len(figures)):
            words = self.facts.words(figures[row]) if outside[row] or far[row] else []
            if far[row]:
                words.append(f"features far from those of the training images of class {class_names[classes[row]]!r}")
            found.append(tuple(words))
        return found

    def distances(self, features: Floats, classes: NDArray[np.int64]) -> Numbers:
        """(N,) of images from the training images of a class; 0 without Gaussians."""
        return np.zeros(len(classes)) if self.gaussians is None else self.gaussians.distances(features, classes)


def fit_unlike(looked: Sequence[Looked], manifest: pl.DataFrame, split: pl.DataFrame, num_classes: int) -> Unlike:
    """Finds what is usual on train images, and chooses the limits on validation images.

    Args:
        looked: the chosen images of both splits, batch by batch.
        manifest: id, width and height are read.
        split: the split table; id and cluster are read.
        num_classes: of the labels.
    """
    train, judged = (_joined([own for own in looked if own.split == name], manifest) for name in ("train", "validation"))
    gaussians = fit_gaussians(train.features, train.labels, num_classes) if train.features.shape[1] else None
    quantiles = quantiles_of(train.figures)
    for looseness in LOOSENESS:  # the last where none is loose enough
        facts = usual_facts(train.figures, quantiles, looseness)
        if facts.outside(judged.figures).sum() <= FIGURES_SHARE * len(judged.ids):
            break
    if not judged.ids:
        return Unlike(facts, gaussians, np.inf, np.nan)
    with threadpool_limits(limits=1):  # sums are rounded by the number of threads
        distances = np.zeros(len(judged.ids)) if gaussians is None else gaussians.distances(judged.features, judged.classes)
    outside, clusters = facts.outside(judged.figures), clusters_of(judged.ids, split)
    limit = np.inf if gaussians is None else choose_limit(distances, outside, clusters)
    return Unlike(facts, gaussians, limit, float((outside | (distances > limit)).mean()))


def choose_limit(distances: Numbers, outside: NDArray[np.bool_], clusters: NDArray[np.int64]) -> float:
    """The shortest distance with which the upper end of the interval of all alarms is at most `ALARMS`.

    Args:
        distances: (N,) of validation images, at least one.
        outside: (N,) which are called unlike for their figures.
        clusters: (N,) the cluster of each.

    Returns:
        Of so few images that even no alarm is not certain enough: the longest distance, so that it adds none.
    """
    candidates = np.unique(distances)  # an alarm is what lies beyond
    low, high = 0, len(candidates) - 1
    while low < high:  # with a longer limit there are fewer alarms
        middle = (low + high) // 2
        alarms = outside | (distances > candidates[middle])
        if estimate(alarms, clusters).interval[1] <= ALARMS:
            high = middle
        else:
            low = middle + 1
    return float(candidates[high])


def _joined(parts: Sequence[Looked], manifest: pl.DataFrame) -> Looked:
    """All in one, with the figures of their files beside their own: (N, F + 3) of `usual_facts.NAMES`."""
    if not parts:
        nobody = np.zeros(0, np.int64)
        return Looked("validation", [], nobody, nobody, np.zeros((0, len(NAMES))), np.zeros((0, 0), np.float32))
    ids = [name for part in parts for name in part.ids]
    labels, classes, figures, features = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("labels", "classes", "figures", "features")
    )
    return Looked(parts[0].split, ids, labels, classes, np.hstack([figures, sizes_of_files(ids, manifest)]), features)
