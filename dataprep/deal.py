"""Deals clusters to splits so that each class comes as close to the fractions as whole clusters allow.

Clusters of several images go first, the largest first, equal ones in a seeded random order that depends on their ids alone:
greedily, each to the split that lacks its classes most. Images that stand alone, mostly the great majority, then fill what
is still missing of their class, exactly and without a loop.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.clusters import cluster_sizes
from dataprep.config import SplitName
from dataprep.errors import SplitError, first_five
from dataprep.rng import stable_hashes, uniforms_for


@dataclass(frozen=True, slots=True)
class _Lack:
    """What the splits still lack; lists of one row per class, one value per split, changed while clusters are dealt."""

    missing: list[list[int]]
    wanted: list[list[int]]
    empty: list[list[bool]]
    clusters_left: list[int]  # per class


def deal(
    images: pl.DataFrame, shares: Mapping[SplitName, float], *, seed: int, stocked: set[tuple[str, str]]
) -> NDArray[np.str_]:
    """Assigns N images to splits, whole clusters at a time.

    With clusters of one class each, a split gets the share asked of each class within one cluster; a split whose share is
    below one cluster gets one, which the others give. Clusters of several classes come as near as the greedy order allows.
    A class that has few clusters stands in every split where possible.

    Args:
        images: id, label, and cluster, a number that images of one cluster share; sorted by id.
        shares: what each split is to get, in any unit.
        seed: another one deals equal clusters differently.
        stocked: (label, split) where images stand already, by a pin; a class may be too small for the rest there.

    Returns:
        (N,) names of splits.

    Raises:
        SplitError: a class has fewer clusters than there are splits to fill.
    """
    names = list(shares)
    labels = images["label"].unique().sort()
    classes = images["label"].replace_strict(labels, pl.int_range(len(labels), eager=True), return_dtype=pl.Int64).to_numpy()
    clusters = images["cluster"].to_numpy()
    lack = _measure_lack(images, labels.to_list(), shares, stocked)
    draws = uniforms_for(stable_hashes(images["id"].to_list()), seed, "split")
    alone = cluster_sizes(clusters) == 1
    dealt = np.empty(images.height, dtype=np.int64)
    dealt[~alone] = _deal_large(clusters[~alone], classes[~alone], draws[~alone], lack)
    dealt[alone] = _deal_alone(classes[alone], draws[alone], lack)
    return np.array(names)[dealt]


def apportion(count: int, weights: NDArray[np.float64], at_least_one: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Divides a count by weights: whole numbers by largest remainders, one at least where asked as far as the count goes.

    >>> apportion(10, np.array([0.98, 0.01, 0.01]), np.array([True, True, True]))
    array([8, 1, 1])
    """
    exact = weights / weights.sum() * count
    parts: NDArray[np.int64] = np.maximum(np.floor(exact), at_least_one).astype(np.int64)
    by_remainder = np.argsort(parts - exact, kind="stable")
    parts[by_remainder[: max(count - parts.sum(), 0)]] += 1
    while parts.sum() > count:  # the floor of one took too many
        parts[np.argmax(parts)] -= 1
    return parts


def _measure_lack(
    images: pl.DataFrame, labels: list[str], shares: Mapping[SplitName, float], stocked: set[tuple[str, str]]
) -> _Lack:
    counted = images.group_by("label").agg(pl.len().alias("images"), pl.col("cluster").n_unique().alias("clusters"))
    counts = {label: (num_images, num_clusters) for label, num_images, num_clusters in counted.rows()}
    weights = np.array(list(shares.values()))
    empty = [[(label, name) not in stocked for name in shares] for label in labels]
    for label, lacking in zip(labels, empty, strict=True):
        if all(lacking) and counts[label][1] < len(shares):
            raise _too_small(images, label, counts[label], list(shares))
    wanted = [
        apportion(counts[label][0], weights, np.array(lacking)).tolist() for label, lacking in zip(labels, empty, strict=True)
    ]
    return _Lack([list(row) for row in wanted], wanted, empty, [counts[label][1] for label in labels])


def _too_small(images: pl.DataFrame, label: str, counts: tuple[int, int], names: list[SplitName]) -> SplitError:
    num_images, num_clusters = counts
    held = f"{num_images:,} images" + (f" that form {num_clusters:,} clusters" if num_clusters < num_images else "")
    examples = images.filter(pl.col("label") == label)["id"].head(2)
    return SplitError(
        f"class {label!r} must have at least one image for each of {', '.join(names)}; it has {held}, for example "
        f"{first_five(examples)}. A cluster (same group, same picture or near duplicates) stays together. Add images of "
        "other groups, or take the class out of ingest.source"
    )


def _deal_large(
    clusters: NDArray[np.int64], classes: NDArray[np.int64], draws: NDArray[np.float64], lack: _Lack
) -> NDArray[np.int64]:
    """The split of each row of the clusters of several images."""
    rows = pl.DataFrame({"cluster": clusters, "class": classes, "draw": draws})
    drawn = rows.group_by("cluster").agg(pl.len().alias("images"), pl.col("draw").first())
    counted = rows.group_by("cluster", "class").len().sort("cluster", "class")
    members = (
        counted.group_by("cluster", maintain_order=True)
        .agg("class", "len")
        .join(drawn, on="cluster")
        .sort(["images", "draw", "cluster"], descending=[True, False, False])
    )
    chosen = [_place(own, counts, lack) for own, counts in members.select("class", "len").iter_rows()]
    placed = members.select("cluster", chosen=pl.Series(chosen, dtype=pl.Int64))
    return rows.join(placed, on="cluster", how="left", maintain_order="left")["chosen"].to_numpy()


def _place(classes: list[int], counts: list[int], lack: _Lack) -> int:
    """Chooses the split for one cluster and books it there.

    Where a class has no more clusters left than splits without it, those splits come first. Of the splits that a cluster
    brings nearer to what was asked, the one takes it that lacks most of its share, so that each gets large and small ones.
    If it is too large for all, the one takes it that lacks most images, which keeps the excess below one cluster.
    """
    splits = range(len(lack.empty[0]))
    scarce = [index for index in classes if lack.clusters_left[index] <= sum(lack.empty[index])]
    members = list(zip(classes, counts, strict=True))
    half = sum(count * count for count in counts) / 2
    lacks = [sum(count * lack.missing[index][split] for index, count in members) for split in splits]

    def rank(split: int) -> tuple[int, bool, float, int]:
        barren = sum(lack.empty[index][split] for index in scarce)
        if lacks[split] < half:
            return barren, False, lacks[split], split
        part = sum(count * lack.missing[index][split] / max(lack.wanted[index][split], 1) for index, count in members)
        return barren, True, part, split

    chosen = max(splits, key=rank)
    for index, count in members:
        lack.missing[index][chosen] -= count
        lack.empty[index][chosen] = False
        lack.clusters_left[index] -= 1
    return chosen


def _deal_alone(classes: NDArray[np.int64], draws: NDArray[np.float64], lack: _Lack) -> NDArray[np.int64]:
    """The split of each image that stands alone: of each class, in the order of their draws, as many as a split lacks."""
    order = np.lexsort((draws, classes))
    counts = np.bincount(classes, minlength=len(lack.missing))
    parts = [
        apportion(int(count), np.maximum(missing, 0).astype(np.float64), np.array(empty))
        for count, missing, empty in zip(counts, lack.missing, lack.empty, strict=True)
        if count
    ]
    dealt = np.empty(len(classes), dtype=np.int64)
    if parts:
        dealt[order] = np.concatenate([np.repeat(np.arange(len(part)), part) for part in parts])
    return dealt
