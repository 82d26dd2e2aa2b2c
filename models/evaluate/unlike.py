"""Whether an image is unlike the training images: by its figures, and by what the network makes of it.

Two kinds of checks share one limit for false alarms. The figures (brightness, strokes, size and the like) say in words what is
unusual; the distance in the network's features sees what no figure says, as a digit that lies on its side. The limits are
chosen together on validation images: first the narrowest ranges of all figures with which at most `FIGURES_SHARE` of the images
lie outside any; then the shortest distance with which the upper end of the 95% interval of all alarms is at most `ALARMS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dataprep.core.artifacts import Place
from dataprep.core.confidence_intervals import estimate
from dataprep.decode.image import Pixels
from dataprep.feed.batches import chosen_batches
from dataprep.store.shards import read_index
from models.evaluate.class_gaussians import ClassGaussians, fit_gaussians
from models.evaluate.feature_table import Floats
from models.evaluate.trials import clusters_of
from models.evaluate.usual_facts import (
    LOOSENESS,
    Numbers,
    UsualFacts,
    measure_figures,
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

Look = Callable[[Pixels], tuple[Floats, Floats]]
"""(N, H, W, C) uint8 to deep features (N, D) and probabilities (N, num_classes)."""


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


def fit_unlike(look: Look, prepared: Place, manifest: pl.DataFrame, split: pl.DataFrame, batch_size: int) -> Unlike:
    """Finds what is usual on train images, and chooses the limits on validation images.

    Args:
        look: what the network makes of images.
        prepared: the folder of the shards.
        manifest: id, width and height are read.
        split: the split table; id and cluster are read.
        batch_size: images at a time.
    """
    num_classes = len(read_index(prepared, stage="prepare").class_names)
    train = _looked(look, prepared, manifest, "train", FITTED_IMAGES, batch_size)
    gaussians = fit_gaussians(train.features, train.labels, num_classes) if train.features.shape[1] else None
    quantiles = quantiles_of(train.figures)
    judged = _looked(look, prepared, manifest, "validation", JUDGED_IMAGES, batch_size)
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


@dataclass(frozen=True, slots=True)
class _Looked:
    """N images: labels (N,), predicted classes (N,), figures (N, F), deep features (N, D)."""

    ids: list[str]
    labels: NDArray[np.int64]
    classes: NDArray[np.int64]
    figures: Numbers
    features: Floats


def _looked(look: Look, prepared: Place, manifest: pl.DataFrame, split: str, count: int, batch_size: int) -> _Looked:
    """Looks at images of a split that are chosen by a hash of their ids."""
    ids: list[str] = []
    parts = []
    for images, labels, names in chosen_batches(prepared, split, count, "unlike", batch_size):  # type: ignore[arg-type]
        features, probabilities = look(images)
        ids += names
        parts.append((labels, probabilities.argmax(axis=1), measure_figures(images), features))
    if not parts:
        return _Looked([], np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 0)), np.zeros((0, 0), np.float32))
    labels, classes, figures, features = (np.concatenate(part) for part in zip(*parts, strict=True))
    return _Looked(ids, labels, classes, np.hstack([figures, sizes_of_files(ids, manifest)]), features)
