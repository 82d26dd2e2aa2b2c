"""The validation images on which the network is tried under changes: few enough to stand in memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.core.artifacts import Place
from dataprep.core.confidence_intervals import Estimate, estimate
from dataprep.core.rng import stable_hashes
from dataprep.decode.image import Pixels
from dataprep.feed.batches import chosen_batches

Predict = Callable[[Pixels], NDArray[np.float32]]
"""(N, H, W, C) uint8 to (N, num_classes) probabilities."""


IMAGES = 300
"""Tried at most: a fall of ten points is certain on so many, and there are some forty changes."""


@dataclass(frozen=True, slots=True)
class Trials:
    """N images: images (N, H, W, C), labels (N,), hashes of their ids (N,), and a number for the cluster of each (N,)."""

    images: Pixels
    labels: NDArray[np.int64]
    keys: NDArray[np.uint64]
    clusters: NDArray[Any]
    batch_size: int

    def accuracy(self, predict: Predict, change: Callable[[Pixels, NDArray[np.uint64]], Pixels]) -> Estimate:
        """How well the network reads them after a change.

        Args:
            predict: the network.
            change: of images (n, H, W, C) and their keys (n,).
        """
        right = []
        for start in range(0, len(self.labels), self.batch_size):
            rows = slice(start, start + self.batch_size)
            probabilities = predict(change(self.images[rows], self.keys[rows]))
            right.append(probabilities.argmax(axis=1) == self.labels[rows])
        return estimate(np.concatenate(right), self.clusters)


def read_trials(prepared: Place, split: pl.DataFrame, count: int, batch_size: int) -> Trials | None:
    """Reads validation images that are chosen by a hash of their ids.

    Args:
        prepared: the folder of the shards.
        split: the split table; id and cluster are read.
        count: how many.
        batch_size: images at a time.

    Returns:
        None where none are asked for.
    """
    found = list(chosen_batches(prepared, "validation", count, "trials", batch_size))
    if not found:
        return None
    ids = [name for _, _, names in found for name in names]
    return Trials(
        images=np.concatenate([images for images, _, _ in found]),
        labels=np.concatenate([labels for _, labels, _ in found]),
        keys=stable_hashes(ids),
        clusters=clusters_of(ids, split),
        batch_size=batch_size,
    )


def clusters_of(ids: list[str], split: pl.DataFrame) -> NDArray[Any]:
    """(N,) a number for the cluster of each image."""
    joined = pl.DataFrame({"id": ids}, schema={"id": pl.String}).join(split, on="id", how="left", maintain_order="left")
    return joined["cluster"].rank("dense").to_numpy()
