"""How much a split that ignores groups would overestimate the accuracy, by a nearest-neighbour probe.

The probe scores the same prepared train and validation images twice: split as they are, and split at random with as many images
of each class on each side. A random split scores higher where a held-out image finds its own writer, burst or near duplicate
among the train images. The test images are not read. The intervals count what is independent: groups and distinct pictures.
"""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.core.artifacts import Document, Place
from dataprep.core.confidence_intervals import estimate
from dataprep.core.rng import rng_for
from dataprep.store.split_report import SplitMetrics
from models.diagnose.tiny_images import DRAWS, MOST_HELD_OUT, MOST_TRAIN, Features, draw_images, nearest_labels


class ProbeScore(Document):
    """Accuracy of one arm, with its 95% interval."""

    accuracy: float
    accuracy_interval: tuple[float, float]


class LeakageEstimate(Document):
    """What the probe scores on held-out images under the split made, and under a random one of the same images."""

    train_images: int
    held_out_images: int
    made: ProbeScore
    random: ProbeScore
    kept_apart: str  # for example "60 groups"

    @property
    def sentence(self) -> str:
        """In plain words."""
        figures = f"{self.random.accuracy:.2f} instead of {self.made.accuracy:.2f}"
        probe = f"(nearest-neighbour probe; the split keeps {self.kept_apart} apart)"
        if self.random.accuracy_interval[0] > self.made.accuracy_interval[1]:
            return f"A random split would have overestimated the accuracy: {figures} {probe}"
        if self.random.accuracy < self.made.accuracy:
            return f"A random split would not have overestimated the accuracy: {figures} {probe}"
        if self.random.accuracy == self.made.accuracy:
            return f"A random split would have made no difference: {figures} {probe}"
        return f"A random split would hardly have overestimated the accuracy: {figures}, which may be chance {probe}"


def estimate_leakage(prepared: Place, split: pl.DataFrame, data: SplitMetrics, *, seed: int) -> LeakageEstimate | None:
    """Probes the split that was made and a random one, where there is something that a random one tears apart.

    Of a large data set the probe sees few clusters, but those whole.

    Args:
        prepared: the folder of the shards.
        split: the split table; id and cluster are read.
        data: the metrics of the split stage.
        seed: of the images drawn and of the random split.

    Returns:
        None where there are neither groups nor near duplicates of several images.
    """
    if not data.kept_together.groups + data.kept_together.near_duplicates:
        return None
    clusters = split.select("id", "cluster")
    train = draw_images(prepared, "train", clusters, MOST_TRAIN, seed)
    held_out = draw_images(prepared, "validation", clusters, MOST_HELD_OUT, seed)
    features = np.concatenate([train.features, held_out.features])
    labels = np.concatenate([train.labels, held_out.labels])
    together = np.concatenate([train.clusters, held_out.clusters])
    made = np.arange(len(labels)) >= len(train.labels)
    return LeakageEstimate(
        train_images=len(train.labels),
        held_out_images=len(held_out.labels),
        made=_probe(features, labels, together, made),
        random=_probe(features, labels, together, _split_at_random(labels, made, seed)),
        kept_apart=_kept_apart(data),
    )


def _split_at_random(labels: NDArray[np.int64], held_out: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """Which of the same images a random split holds out: of each class as many as were held out."""
    rng = rng_for(seed, DRAWS, "deal")
    anew = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        anew[rng.permutation(rows)[: np.count_nonzero(held_out[rows])]] = True
    return anew


def _probe(features: Features, labels: NDArray[np.int64], clusters: NDArray[Any], held_out: NDArray[np.bool_]) -> ProbeScore:
    """Gives each held-out image the label of the most similar train image, the first of equal ones."""
    answers = nearest_labels(features[held_out], features[~held_out], labels[~held_out])
    found = estimate(answers == labels[held_out], clusters[held_out])
    return ProbeScore(accuracy=found.fraction, accuracy_interval=found.interval)


def _kept_apart(data: SplitMetrics) -> str:
    kept = data.kept_together
    named = [
        (kept.groups, "group", "groups"),
        (kept.near_duplicates, "cluster of near duplicates", "clusters of near duplicates"),
    ]
    return " and ".join(f"{count:,} {one if count == 1 else many}" for count, one, many in named if count)
