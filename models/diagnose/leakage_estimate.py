"""How much a split that ignores groups would overestimate the accuracy, by a nearest-neighbour probe.

The probe scores the same prepared train and validation images twice: split as they are, and split at random with as many images
of each class on each side. A random split scores higher where a held-out image finds its own writer, burst or near duplicate
among the train images. The test images are not read. The intervals count what is independent: groups and distinct pictures.
"""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.config.base import SplitName
from dataprep.core.artifacts import Document, Place
from dataprep.core.confidence_intervals import estimate
from dataprep.core.rng import rng_for
from dataprep.decode.image import Pixels
from dataprep.store.shards import ShardReader, read_index
from dataprep.store.split_report import SplitMetrics

MOST_TRAIN = 4_000
MOST_HELD_OUT = 1_500
SIDE_PX = 16
"""Images are shrunk to this height and width at most."""

READ_ROWS = 64

_DRAWS = "flattery"  # names the random draws; another word would draw other images

Features = NDArray[np.float32]


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

    Whole clusters are drawn, since a sample of single images would separate what belongs together by itself: of a large data
    set the probe sees few clusters, but those whole.

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
    train = _draw(prepared, "train", clusters, MOST_TRAIN, seed)
    held_out = _draw(prepared, "validation", clusters, MOST_HELD_OUT, seed)
    features = np.concatenate([train[0], held_out[0]])
    labels = np.concatenate([train[1], held_out[1]])
    together = np.concatenate([train[2], held_out[2]])
    made = np.arange(len(labels)) >= len(train[1])
    return LeakageEstimate(
        train_images=len(train[1]),
        held_out_images=len(held_out[1]),
        made=_probe(features, labels, together, made),
        random=_probe(features, labels, together, _split_at_random(labels, made, seed)),
        kept_apart=_kept_apart(data),
    )


def shrink(images: Pixels, side_px: int = SIDE_PX) -> Features:
    """Describes each of N images by a small gray picture of mean 0 and length 1; a flat image is all 0.

    Args:
        images: (N, H, W, C) uint8.
        side_px: rows and columns are averaged down to this many; fewer stay as they are.

    Returns:
        (N, D) float32.
    """
    gray = images.mean(axis=3)
    for axis in (1, 2):
        length = gray.shape[axis]
        parts = min(length, side_px)
        starts = np.arange(parts) * length // parts
        widths = np.diff([*starts, length])
        gray = np.add.reduceat(gray, starts, axis=axis) / (widths[:, np.newaxis] if axis == 1 else widths)
    flat = gray.reshape(len(gray), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    normed: Features = np.divide(flat, lengths, out=np.zeros_like(flat), where=lengths > 1e-9).astype(np.float32)
    return normed


def _draw(
    prepared: Place, split: SplitName, clusters: pl.DataFrame, most: int, seed: int
) -> tuple[Features, NDArray[np.int64], NDArray[Any]]:
    """Features (n, D), labels (n,) and clusters (n,) of at most `most` images of a split, by whole clusters, sorted by id."""
    index = read_index(prepared, stage="prepare")
    entries = index.of_split(split)
    ids: list[str] = []
    for entry in entries:
        with ShardReader(prepared, entry, index.layout, stage="prepare") as shard:
            ids += shard.ids()
    own = pl.DataFrame({"id": ids}).join(clusters, on="id")
    names = own["cluster"].unique().sort()
    order = pl.DataFrame({"cluster": names, "order": rng_for(seed, _DRAWS, split).permutation(len(names))})
    drawn = own.join(order, on="cluster").sort("order", "id").head(most).sort("id")
    chosen = set(drawn["id"])
    found = []
    for entry in entries:
        with ShardReader(prepared, entry, index.layout, stage="prepare") as shard:
            found += list(_read(shard, chosen))
    features, labels, names_read = zip(*found, strict=True)
    by_id = np.argsort([name for part in names_read for name in part], kind="stable")
    return np.concatenate(features)[by_id], np.concatenate(labels)[by_id], drawn["cluster"].to_numpy()


def _read(shard: ShardReader, chosen: set[str]) -> list[tuple[Features, NDArray[np.int64], list[str]]]:
    """The chosen rows of one shard, block by block: a large shard never stands in memory as a whole."""
    ids, labels = shard.ids(), shard.labels()
    parts = []
    for start in range(0, len(ids), READ_ROWS):
        rows = [row for row in range(start, min(start + READ_ROWS, len(ids))) if ids[row] in chosen]
        if rows:
            block = shard.images(start, start + READ_ROWS)[np.array(rows) - start]
            parts.append((shrink(block), labels[rows], [ids[row] for row in rows]))
    return parts


def _split_at_random(labels: NDArray[np.int64], held_out: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """Which of the same images a random split holds out: of each class as many as were held out."""
    rng = rng_for(seed, _DRAWS, "deal")
    anew = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        anew[rng.permutation(rows)[: np.count_nonzero(held_out[rows])]] = True
    return anew


def _probe(features: Features, labels: NDArray[np.int64], clusters: NDArray[Any], held_out: NDArray[np.bool_]) -> ProbeScore:
    """Gives each held-out image the label of the most similar train image, the first of equal ones."""
    similarity = features[held_out] @ features[~held_out].T
    # Sums of another order differ in the last digits, and twins are equal: which of them comes first must not depend on that.
    nearest = np.round(similarity, 5).argmax(axis=1)
    found = estimate(labels[~held_out][nearest] == labels[held_out], clusters[held_out])
    return ProbeScore(accuracy=found.fraction, accuracy_interval=found.interval)


def _kept_apart(data: SplitMetrics) -> str:
    kept = data.kept_together
    named = [
        (kept.groups, "group", "groups"),
        (kept.near_duplicates, "cluster of near duplicates", "clusters of near duplicates"),
    ]
    return " and ".join(f"{count:,} {one if count == 1 else many}" for count, one, many in named if count)
