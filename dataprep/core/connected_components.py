"""Connected components: images that share a group, their pixels or a cluster of near duplicates, directly or by a chain."""

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

KEYS = ("group", "digest", "near_duplicate")
"""Columns of the manifest; images with an equal value in one of them must be in the same split."""


def find_clusters(images: pl.DataFrame) -> NDArray[np.int64]:
    """Finds the connected components of N images under equal keys.

    Args:
        images: columns as in `KEYS`; null equals no value.

    Returns:
        (N,) the number of the first row of each row's cluster.
    """
    num_images = images.height
    edges = [_edges(images.select(key)) for key in KEYS]
    start, end = (np.concatenate(ends) for ends in zip(*edges, strict=True))
    if not len(start):
        return np.arange(num_images)
    return join_rows(start, end, num_images)


def join_rows(start: NDArray[np.int64], end: NDArray[np.int64], num_rows: int) -> NDArray[np.int64]:
    """Joins rows by edges, (E,) each, and names each of the (num_rows,) rows by the smallest row of its component."""
    graph = coo_array((np.ones(len(start), dtype=np.int8), (start, end)), shape=(num_rows, num_rows))
    num_components, component = connected_components(graph, directed=False)
    first = np.empty(num_components, dtype=np.int64)
    first[component[::-1]] = np.arange(num_rows)[::-1]  # the last value written to a place stays, which is the smallest row
    joined: NDArray[np.int64] = first[component]
    return joined


def cluster_sizes(clusters: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of images in each row's cluster, (N,)."""
    counts: NDArray[np.int64] = np.bincount(clusters, minlength=1)
    return counts[clusters]


def _edges(key: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Edges from each row whose value occurs several times to the first row with this value."""
    name = key.columns[0]
    shared = key.with_row_index("row").filter(pl.col(name).is_not_null() & pl.col(name).is_duplicated())
    linked = shared.select(pl.col("row").cast(pl.Int64), pl.col("row").min().over(name).cast(pl.Int64).alias("first"))
    return linked["row"].to_numpy(), linked["first"].to_numpy()
