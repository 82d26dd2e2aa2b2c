"""Images of a split as small descriptions, on which cheap classifiers are tried: the network is not asked."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.config.base import SplitName
from dataprep.core.artifacts import Place
from dataprep.core.rng import rng_for
from dataprep.decode.image import Pixels
from dataprep.store.shards import ShardReader, read_index

MOST_TRAIN = 4_000
MOST_HELD_OUT = 1_500
SIDE_PX = 16
"""Images are shrunk to this height and width at most."""

READ_ROWS = 64

DRAWS = "flattery"  # names the random draws; another word would draw other images

Features = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ProbeImages:
    """N images, sorted by id: features (N, D), the same at half the height and width, labels (N,) and clusters (N,)."""

    features: Features
    halved: Features
    labels: NDArray[np.int64]
    clusters: NDArray[Any]


def draw_images(prepared: Place, split: SplitName, clusters: pl.DataFrame, most: int, seed: int) -> ProbeImages:
    """Draws at most `most` images of a split, by whole clusters: single images would separate what belongs together.

    Args:
        prepared: the folder of the shards.
        split: whose images.
        clusters: the columns id and cluster of the split table.
        most: how many.
        seed: another number draws others.
    """
    index = read_index(prepared, stage="prepare")
    entries = index.of_split(split)
    ids: list[str] = []
    for entry in entries:
        with ShardReader(prepared, entry, index.layout, stage="prepare") as shard:
            ids += shard.ids()
    own = pl.DataFrame({"id": ids}).join(clusters, on="id")
    names = own["cluster"].unique().sort()
    order = pl.DataFrame({"cluster": names, "order": rng_for(seed, DRAWS, split).permutation(len(names))})
    drawn = own.join(order, on="cluster").sort("order", "id").head(most).sort("id")
    chosen = set(drawn["id"])
    found = []
    for entry in entries:
        with ShardReader(prepared, entry, index.layout, stage="prepare") as shard:
            found += list(_read(shard, chosen))
    features, halved, labels, names_read = zip(*found, strict=True)
    by_id = np.argsort([name for part in names_read for name in part], kind="stable")
    whole, half, truths = (np.concatenate(parts)[by_id] for parts in (features, halved, labels))
    return ProbeImages(whole, half, truths, drawn["cluster"].to_numpy())


def nearest_labels(features: Features, known: Features, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Gives each image (N, D) the label of the most similar of M known ones (M, D), the first of equal ones."""
    # Sums of another order differ in the last digits, and twins are equal: which of them comes first must not depend on that.
    nearest: NDArray[np.int64] = labels[np.round(features @ known.T, 5).argmax(axis=1)]
    return nearest


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


def _read(shard: ShardReader, chosen: set[str]) -> list[tuple[Features, Features, NDArray[np.int64], list[str]]]:
    """The chosen rows of one shard, block by block: a large shard never stands in memory as a whole."""
    ids, labels = shard.ids(), shard.labels()
    parts = []
    for start in range(0, len(ids), READ_ROWS):
        rows = [row for row in range(start, min(start + READ_ROWS, len(ids))) if ids[row] in chosen]
        if rows:
            block = shard.images(start, start + READ_ROWS)[np.array(rows) - start]
            half_px = max(min(SIDE_PX, *block.shape[1:3]) // 2, 1)
            parts.append((shrink(block), shrink(block, half_px), labels[rows], [ids[row] for row in rows]))
    return parts
