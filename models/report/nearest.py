"""The train images that resemble an image most in the features of the network: what it was probably taken for."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.core.rng import stable_hashes
from models.evaluate.feature_table import squared_distances

MOST_TRAIN_IMAGES = 100_000
"""More are sampled: 300 queries on so many take about two seconds."""
_AT_ONCE = 32  # queries; distances to all train images are held for these only


def nearest_train_images(queries: pl.DataFrame, train: pl.DataFrame, count: int) -> dict[str, list[str]]:
    """The nearest train images of each query, the nearest first; an image is not its own neighbour.

    Args:
        queries: id, and one column per feature.
        train: the same of train images.
        count: how many.
    """
    train = _sampled(train)
    ids, train_features = train["id"].to_numpy(), _features(train)
    found: dict[str, list[str]] = {}
    for part in queries.iter_slices(_AT_ONCE):
        distances = squared_distances(_features(part), train_features)
        nearest = np.argsort(distances, axis=1, kind="stable")[:, : count + 1] if len(ids) else np.empty((part.height, 0), int)
        for image_id, row in zip(part["id"].to_list(), nearest, strict=True):
            found[image_id] = [other for other in ids[row].tolist() if other != image_id][:count]
    return found


def _sampled(train: pl.DataFrame) -> pl.DataFrame:
    if train.height <= MOST_TRAIN_IMAGES:
        return train
    order = np.argsort(stable_hashes(train["id"].to_list()), kind="stable")[:MOST_TRAIN_IMAGES]
    return train[np.sort(order)]


def _features(rows: pl.DataFrame) -> NDArray[np.float32]:
    return rows.drop("id").to_numpy().astype(np.float32, copy=False)
