"""A map of images: those whose features are alike lie close together. The same places for the same features.

The places are those of t-SNE, begun at the first two features, which are principal components. Distances between far groups
mean nothing; that images lie together does.

Source: L. van der Maaten, Accelerating t-SNE using tree-based algorithms, JMLR 15, 2014.
"""

from warnings import catch_warnings, simplefilter

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from dataprep.core.rng import stable_hashes

MOST_POINTS = 2000
"""About seven seconds on one core."""
SIDE = 1000
"""Coordinates are whole numbers from 0 to this."""

_PERPLEXITY = 30.0
_FEWEST = 8  # images; fewer are shown by their first two features
_ROUNDS = 500
_START = 1e-4  # standard deviation of the first places, as in the paper


def draw_map(features: pl.DataFrame) -> dict[str, tuple[int, int]]:
    """Places of images by id, `MOST_POINTS` at most, which are chosen by chance.

    Args:
        features: id, and one column per feature, the most telling first.
    """
    if not features.height:
        return {}
    order = np.sort(np.argsort(stable_hashes(features["id"].to_list()), kind="stable")[:MOST_POINTS])
    chosen = features[order]
    places = _to_side(_spread_out(chosen.drop("id").to_numpy().astype(np.float32)))
    return {image_id: (int(x), int(y)) for image_id, (x, y) in zip(chosen["id"].to_list(), places, strict=True)}


def _spread_out(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, F) to (N, 2)."""
    start = features[:, :2] if features.shape[1] > 1 else np.hstack([features, np.zeros_like(features)])
    if len(features) < _FEWEST or not (spread := float(start[:, 0].std())):
        return start
    with threadpool_limits(1), catch_warnings():  # several threads add up in another order
        simplefilter("ignore", UserWarning)  # joblib counts cores by a program that a small system lacks; one is used
        places: NDArray[np.float32] = TSNE(
            init=start * (_START / spread),
            perplexity=min(_PERPLEXITY, (len(features) - 1) / 3),
            max_iter=_ROUNDS,
            random_state=0,
        ).fit_transform(features)
    return places


def _to_side(places: NDArray[np.float32]) -> NDArray[np.int64]:
    """Scales places to whole numbers from 0 to `SIDE`, both axes alike."""
    low, high = places.min(axis=0), places.max(axis=0)
    scale = SIDE / (float((high - low).max()) or 1.0)
    margin = (SIDE - (high - low) * scale) / 2
    placed: NDArray[np.int64] = np.clip(np.round((places - low) * scale + margin), 0, SIDE).astype(np.int64)
    return placed
