"""Features: what the network makes of each image before its last layer, reduced to a few principal components."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dataprep.core.artifacts import Family, Place, TableFormat, read_table
from dataprep.core.column_constraints import NO_CONTROLS, Values
from dataprep.core.rng import rng_for
from dataprep.decode.image import Pixels
from dataprep.feed.batches import chosen_batches
from models.evaluate.image_facts import of_same_images

FEATURE = "feature_"
"""Prefix of the columns."""

COMPONENTS = 32
"""At most; fewer where the layer is narrower. Nearest neighbours on digits and photographs hardly change with more."""

FITTED_IMAGES = 2_000
"""Train images by which the components are found."""

_WIDEST = 512
"""A wider layer is first reduced by a random projection, or the components take minutes."""

_BLOCK = 1024  # rows whose distances stand in memory at once

FEATURES = TableFormat(
    kind="features",
    version=1,
    columns={"id": pl.String()},
    stage="evaluate",
    values={"id": Values(pattern=NO_CONTROLS, ascending=True)},
    family=Family(FEATURE, pl.Float32(), Values()),
)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Projection:
    """From the D outputs of the last hidden layer to k components: (x - mean) @ axes, with mean (D,) and axes (D, k)."""

    mean: Floats
    axes: Floats

    def reduce(self, outputs: Floats) -> Floats:
        """(N, D) to (N, k), with four digits: sums of another order differ in the seventh."""
        reduced: Floats = ((outputs - self.mean) @ self.axes).astype(np.float32)
        return _rounded(reduced)


def fit_projection(see: Callable[[Pixels], Floats], prepared: Place, batch_size: int) -> Projection:
    """Finds the principal components of some train images, chosen by a hash of their ids.

    Args:
        see: (N, H, W, C) uint8 images to the outputs of the last hidden layer, (N, D).
        prepared: the folder of the shards.
        batch_size: images at a time.
    """
    batches = chosen_batches(prepared, "train", FITTED_IMAGES, "features", batch_size)
    return principal_components(np.concatenate([see(images) for images, _, _ in batches]))


def principal_components(outputs: Floats) -> Projection:
    """The components of N outputs (N, D), those with the most variance first; each axis has its largest part above 0."""
    mean = outputs.mean(axis=0, dtype=np.float64)
    centred = outputs - mean
    with threadpool_limits(limits=1):  # sums are rounded by the number of threads
        mixing = None
        if centred.shape[1] > _WIDEST:
            mixing = rng_for(0, "projection").standard_normal((centred.shape[1], _WIDEST)) / np.sqrt(_WIDEST)
            centred = centred @ mixing
        kept = leading_axes(centred.T @ centred, COMPONENTS)
        whole = kept if mixing is None else mixing @ kept
    return Projection(mean.astype(np.float32), whole.astype(np.float32))


def leading_axes(scatter: NDArray[np.float64], most: int, least: int = 0) -> NDArray[np.float64]:
    """The axes of a scatter matrix (D, D) with the most variance, (D, k); each has its largest part above 0.

    Args:
        scatter: x.T @ x of centred vectors x (N, D).
        most: axes at most; those without variance are left out.
        least: axes at least, with variance or without.
    """
    variances, axes = np.linalg.eigh(scatter)
    order = np.argsort(-variances, kind="stable")[:most]
    count = max(int((variances[order] > 1e-9 * max(variances.max(), 1e-30)).sum()), least)
    kept = axes[:, order[:count]]
    signed: NDArray[np.float64] = kept * np.sign(kept[np.abs(kept).argmax(axis=0), np.arange(kept.shape[1])])
    return signed


def feature_frame(ids: list[str], features: Floats) -> pl.DataFrame:
    """The rows of N images (N, k)."""
    columns = {f"{FEATURE}{number:03d}": features[:, number] for number in range(features.shape[1])}
    return pl.DataFrame({"id": ids, **columns}, schema_overrides=FEATURES.columns)


def read_features(path: Path, predictions: pl.DataFrame) -> pl.DataFrame:
    """Reads the features of the images that were predicted: id and the columns of the components, none for some networks.

    Args:
        path: the file.
        predictions: the table of predictions, by id.

    Raises:
        ArtifactError: also where the features are of other images.
    """
    return of_same_images(read_table(path, FEATURES), path, predictions)


def matrix(features: pl.DataFrame) -> Floats:
    """(N, k) of a table."""
    return features.drop("id").to_numpy().reshape(features.height, -1).astype(np.float32)


def squared_distances(queries: Floats, others: Floats) -> Floats:
    """(N, F) and (M, F) to (N, M), feature by feature: a product of matrices rounds differently on more threads."""
    total = np.zeros((len(queries), len(others)), dtype=np.float32)
    for own, other in zip(queries.T, others.T, strict=True):
        total += (own[:, np.newaxis] - other[np.newaxis, :]) ** 2
    return total


def nearest(features: Floats, known: Floats) -> tuple[np.ndarray, np.ndarray]:
    """Of each row (N, k) the number of the nearest of M known rows (M, k), and the distance to it."""
    numbers, distances = np.empty(len(features), np.int64), np.empty(len(features), np.float32)
    for start in range(0, len(features), _BLOCK):
        squared = squared_distances(features[start : start + _BLOCK], known)
        numbers[start : start + _BLOCK] = squared.argmin(axis=1)
        distances[start : start + _BLOCK] = np.sqrt(squared.min(axis=1))
    return numbers, distances


def _rounded(values: Floats) -> Floats:
    """To four significant digits of the largest value of each row."""
    scale = 10.0 ** (4 - np.ceil(np.log10(np.maximum(np.abs(values).max(axis=1, keepdims=True, initial=0), 1e-6))))
    rounded: Floats = (np.round(values * scale) / scale).astype(np.float32)
    return rounded
