"""Stratified group split: each class comes as close to the fractions as whole clusters allow.

Clusters of several images go first, the largest first. Equal ones come in a seeded random order, which depends on their ids
alone. Each goes to the split that lacks most of its classes. Where clusters are few and large, this may leave a class far from
the fractions. Then clusters move or swap in pairs, as long as this brings the splits nearer. Images that stand alone are
mostly the great majority. They fill what is still missing of their class, exactly and without a loop. For one class of 110
images, in clusters of 40, 30, 20 and 10 and 10 images that stand alone, at fractions 0.6, 0.2, 0.2:

    asked for       train 66           validation 22      test 22
    one by one      train 20 + 10      validation 30      test 40
    moves, swaps    train 40 + 30      validation 20      test 10
    stand alone     -                  1 more             9 more
    result          train 70           validation 21      test 19
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from dataprep.config.base import SplitName
from dataprep.core.connected_components import cluster_sizes
from dataprep.core.errors import SplitError, first_five
from dataprep.core.rng import stable_hashes, uniforms_for

_Table = TypeVar("_Table", NDArray[np.float64], NDArray[np.int64])

NEAR = 0.01
"""A class is near, and no cluster moves for it, where each split misses by at most this fraction of its images."""

MOST_MOVED = 200
"""Of the clusters of one component, at most so many of the largest are moved; smaller ones fill in well."""

MOST_PASSES = 10
MOST_TRIALS = 32_000
"""Each looks for the best move or swap of one cluster, 0.1 ms; where it compares many, it counts as several."""

MOST_CELLS = 20_000
"""Clusters times classes that one trial compares."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How many images of each of C classes each of S splits is to get."""

    exact: NDArray[np.float64]  # (C, S) images by the fractions alone
    wanted: NDArray[np.int64]  # (C, S) the same in whole images, one at least where none stands
    stocked: NDArray[np.bool_]  # (C, S) where images stand already, so that none need be assigned
    num_clusters: NDArray[np.int64]  # (C,) images that stand alone among them


@dataclass(frozen=True, slots=True)
class _Lack:
    """What the splits still lack; lists of one row per class, one value per split, changed while clusters are assigned."""

    missing: list[list[int]]
    wanted: list[list[int]]
    empty: list[list[bool]]
    clusters_left: list[int]  # per class


class TooFewClusters(SplitError):
    """A class has fewer clusters than there are splits to fill."""

    def __init__(self, message: str, label: str) -> None:
        super().__init__(message)
        self.label = label


@dataclass(frozen=True, slots=True)
class _State:
    """What some classes lack and hold; (C, S) each, or (K, C, S) for K changes that are tried at once."""

    missing: NDArray[np.float64]  # images, of the exact number; negative where there are too many
    holding: NDArray[np.int64]  # clusters of several images


def assign_clusters(
    images: pl.DataFrame, shares: Mapping[SplitName, float], *, seed: int, stocked: set[tuple[str, str]]
) -> NDArray[np.str_]:
    """Assigns N images to splits, whole clusters at a time.

    With clusters of one class each, a split gets the share asked of each class within one cluster; a split whose share is
    below one cluster gets one, which the others give. Clusters of several classes come as near as moves and swaps from the
    greedy order allow. A class that has few clusters stands in every split where possible.

    Args:
        images: id, label, and cluster, a number that images of one cluster share; sorted by id.
        shares: what each split is to get, in any unit.
        seed: another one assigns equal clusters differently.
        stocked: (label, split) where images stand already, by a pin; a class may be too small for the rest there.

    Returns:
        (N,) names of splits.

    Raises:
        TooFewClusters: of a class.
    """
    names = list(shares)
    labels = images["label"].unique().sort()
    classes = images["label"].replace_strict(labels, pl.int_range(len(labels), eager=True), return_dtype=pl.Int64).to_numpy()
    clusters = images["cluster"].to_numpy()
    asked = _ask(images, labels.to_list(), shares, stocked)
    draws = uniforms_for(stable_hashes(images["id"].to_list()), seed, "split")
    alone = cluster_sizes(clusters) == 1
    positions, counts = _count_members(clusters[~alone], classes[~alone], draws[~alone], len(labels))
    chosen = improve(counts, assign_greedily(counts, asked), asked)
    missing, holding = asked.wanted - _total(counts, chosen, asked), _book(counts, chosen, asked).holding
    assigned = np.empty(images.height, dtype=np.int64)
    assigned[~alone] = chosen[positions]
    assigned[alone] = _assign_alone(classes[alone], draws[alone], missing, ~asked.stocked & (holding == 0))
    return np.array(names)[assigned]


def assign_greedily(counts: csr_array, asked: Asked) -> NDArray[np.int64]:
    """Assigns M clusters of several images one after the other.

    Args:
        counts: (M, C) images of each class in each cluster, the largest cluster first.
        asked: of the C classes, images that stand alone included.

    Returns:
        (M,) numbers of splits.
    """
    wanted = asked.wanted.tolist()
    lack = _Lack([list(row) for row in wanted], wanted, (~asked.stocked).tolist(), asked.num_clusters.tolist())
    starts, classes, images = counts.indptr.tolist(), counts.indices.tolist(), counts.data.tolist()
    return np.array([_place(classes[start:end], images[start:end], lack) for start, end in pairwise(starts)], dtype=np.int64)


def improve(counts: csr_array, chosen: NDArray[np.int64], asked: Asked) -> NDArray[np.int64]:
    """Moves and swaps clusters while the deviation falls: for one cluster after the other, the best change.

    No class disappears from a split where it could stand. None ends farther from what was wanted than the size of one of its
    clusters, or than it was. The constants above bound the work, so that a large data set takes seconds.

    Args:
        counts: (M, C) images of each class in each cluster, the largest cluster first.
        chosen: (M,) the split of each; not changed.
        asked: of the C classes, images that stand alone included.

    Returns:
        (M,) numbers of splits, whose `deviation` is at most that of `chosen`.
    """
    state = _book(counts, chosen, asked)
    worst = np.abs(_left_over(state.missing)).max(axis=1) / np.maximum(asked.wanted.sum(axis=1), 1)
    if not (worst > NEAR).any():
        return chosen
    chosen = chosen.copy()
    trials = MOST_TRIALS
    for rows, classes in _components(counts, worst):
        most = min(max(MOST_CELLS // len(classes), 2), MOST_MOVED)
        own = Asked(asked.exact[classes], asked.wanted[classes], asked.stocked[classes], asked.num_clusters[classes])
        part = _State(state.missing[classes], state.holding[classes])
        largest = rows[:most]
        cost = 1 + len(largest) * len(classes) // 500
        table = counts[largest][:, classes].toarray()
        trials -= cost * _improve_component(table, chosen, largest, part, own, trials // cost)
        if trials <= 0:
            break
    return chosen


def deviation(counts: csr_array, chosen: NDArray[np.int64], asked: Asked) -> float:
    """How far an assignment is from what was wanted.

    Each class misses its number in each split by a share of its images. The squares of these shares are summed, so each class
    has the same weight. Images that stand alone have filled what they can.
    """
    return float(_deviation(_book(counts, chosen, asked).missing, asked))


def apportion(count: int, weights: NDArray[np.float64], at_least_one: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Divides a count by weights into whole numbers, by largest remainders; where asked one at least, as far as the count goes.

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


def _ask(images: pl.DataFrame, labels: list[str], shares: Mapping[SplitName, float], stocked: set[tuple[str, str]]) -> Asked:
    counted = images.group_by("label").agg(pl.len().alias("images"), pl.col("cluster").n_unique().alias("clusters"))
    counts = {label: (num_images, num_clusters) for label, num_images, num_clusters in counted.rows()}
    weights = np.array(list(shares.values()))
    standing = np.array([[(label, name) in stocked for name in shares] for label in labels])
    for label, own in zip(labels, standing, strict=True):
        if not own.any() and counts[label][1] < len(shares):
            raise _too_small(images, label, counts[label], list(shares))
    wanted = [apportion(counts[label][0], weights, ~own) for label, own in zip(labels, standing, strict=True)]
    exact = np.array([[counts[label][0]] for label in labels]) * (weights / weights.sum())
    return Asked(exact, np.array(wanted), standing, np.array([counts[label][1] for label in labels]))


def _too_small(images: pl.DataFrame, label: str, counts: tuple[int, int], names: list[SplitName]) -> TooFewClusters:
    num_images, num_clusters = counts
    held = f"{num_images:,} {'image' if num_images == 1 else 'images'}"
    if num_clusters < num_images:
        held += f" that form {num_clusters:,} {'cluster' if num_clusters == 1 else 'clusters'}"
    examples = images.filter(pl.col("label") == label)["id"].head(2)
    return TooFewClusters(
        f"class {label!r} must have at least one image for each of {', '.join(names)}; it has {held}, for example "
        f"{first_five(examples)}. A cluster (same group, same picture or near duplicates) stays together. Add images of "
        "other groups, or take the class out of ingest.source",
        label,
    )


def _count_members(
    clusters: NDArray[np.int64], classes: NDArray[np.int64], draws: NDArray[np.float64], num_classes: int
) -> tuple[NDArray[np.int64], csr_array]:
    """The place of each row's cluster in the order in which clusters are assigned, and the images per cluster and class."""
    rows = pl.DataFrame({"cluster": clusters, "draw": draws})
    order = (
        rows.group_by("cluster")
        .agg(pl.len().alias("images"), pl.col("draw").first())
        .sort(["images", "draw", "cluster"], descending=[True, False, False])
        .with_row_index("position")
    )
    places = rows.join(order.select("cluster", "position"), on="cluster", how="left", maintain_order="left")["position"]
    positions = places.cast(pl.Int64).to_numpy()
    ones = np.ones(len(positions), dtype=np.int64)
    counts = csr_array(coo_array((ones, (positions, classes)), shape=(order.height, num_classes)))
    counts.sum_duplicates()
    return positions, counts


def _place(classes: list[int], counts: list[int], lack: _Lack) -> int:
    """Chooses the split for one cluster and books it there.

    Where a class has no more clusters left than splits without it, those splits come first. Of the splits that the cluster
    brings nearer to what was asked, choose the one furthest below its target, as a part of that target: so each split gets
    large and small clusters. Where the cluster is too large for all, choose the split that lacks most images: this keeps the
    excess below one cluster.
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


def _book(counts: csr_array, chosen: NDArray[np.int64], asked: Asked) -> _State:
    """The state of all classes when each cluster is in the split that was chosen for it."""
    held = csr_array((np.ones_like(counts.data), counts.indices, counts.indptr), shape=counts.shape)
    return _State(asked.exact - _total(counts, chosen, asked), _total(held, chosen, asked))


def _total(counts: csr_array, chosen: NDArray[np.int64], asked: Asked) -> NDArray[np.int64]:
    """(C, S): what the clusters (M, C) bring to each split."""
    members = counts.tocoo()
    totals = np.zeros_like(asked.wanted)
    np.add.at(totals, (members.col, chosen[members.row]), members.data)
    return totals


def _left_over(missing: NDArray[np.float64]) -> NDArray[np.float64]:
    """What (..., C, S) splits still lack after the images that stand alone; below 0 where they have too many.

    There are as many such images as the splits lack in all. Where one split has too many, the others get fewer, each in
    proportion to what it lacks.
    """
    lacking = np.maximum(missing, 0)
    too_many = lacking - missing
    unmet = too_many.sum(axis=-1, keepdims=True) / np.maximum(lacking.sum(axis=-1, keepdims=True), 1e-9)
    left: NDArray[np.float64] = lacking * unmet - too_many
    return left


def _deviation(missing: NDArray[np.float64], asked: Asked) -> NDArray[np.float64]:
    """As `deviation`, for (..., C, S)."""
    shares = _left_over(missing) / np.maximum(asked.wanted.sum(axis=1, keepdims=True), 1)
    squares: NDArray[np.float64] = (shares**2).sum(axis=(-2, -1))
    return squares


def _components(counts: csr_array, worst: NDArray[np.float64]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Clusters and classes that are connected, the farthest from the fractions first; those that are near are left out.

    No component depends on another one, and each is small enough to be searched.
    """
    num_clusters, num_classes = counts.shape
    members = counts.tocoo()
    edges = (members.row, members.col + num_clusters)
    size = num_clusters + num_classes
    graph = coo_array((np.ones(len(members.row), dtype=np.int8), edges), shape=(size, size))
    number, component = connected_components(graph, directed=False)
    far = np.zeros(number)
    np.maximum.at(far, component[num_clusters:], worst)
    order = np.argsort(component, kind="stable")
    ends = np.cumsum(np.bincount(component, minlength=number))
    found = []
    for index in np.argsort(-far, kind="stable")[: np.count_nonzero(far > NEAR)]:
        own = order[ends[index - 1] if index else 0 : ends[index]]
        found.append((own[own < num_clusters], own[own >= num_clusters] - num_clusters))
    return found


def _improve_component(
    counts: NDArray[np.int64], chosen: NDArray[np.int64], rows: NDArray[np.int64], state: _State, asked: Asked, trials: int
) -> int:
    """Moves and swaps the clusters at `rows` of `chosen`, which is changed; (M, C) counts. Returns the trials it took."""
    largest = counts.max(axis=0, initial=0)
    taken = 0
    for _ in range(MOST_PASSES):
        moved = False
        for index in range(len(rows)):
            if taken == trials:
                return taken
            taken += 1
            found = _best_change(index, counts, chosen[rows], state, asked, largest)
            if found is not None:
                target, partner, state = found
                if partner is not None:
                    chosen[rows[partner]] = chosen[rows[index]]
                chosen[rows[index]] = target
                moved = True
        if not moved:
            break
    return taken


def _best_change(
    index: int, counts: NDArray[np.int64], chosen: NDArray[np.int64], state: _State, asked: Asked, largest: NDArray[np.int64]
) -> tuple[int, int | None, _State] | None:
    """The best change for a cluster: its new split, the cluster that comes back from there (if any), and the state after it.

    None where no allowed change lowers the deviation. Of equal changes the first is taken, moves before swaps.
    """
    home = chosen[index]
    splits = np.delete(np.arange(asked.wanted.shape[1]), home)
    partners = np.flatnonzero(chosen != home)
    targets = np.concatenate([splits, chosen[partners]])
    back = np.concatenate([np.zeros((len(splits), counts.shape[1]), dtype=np.int64), counts[partners]])  # (K, C)
    tried = _State(
        _shift(state.missing, home, targets, counts[index] - back),
        _shift(state.holding, home, targets, (back > 0).astype(np.int64) - (counts[index] > 0)),
    )
    deviations = np.where(_allowed(state, tried, asked, largest), _deviation(tried.missing, asked), np.inf)
    best = int(np.argmin(deviations))
    if not deviations[best] < _deviation(state.missing, asked) - 1e-12:
        return None
    partner = None if best < len(splits) else int(partners[best - len(splits)])
    return int(targets[best]), partner, _State(tried.missing[best], tried.holding[best])


def _shift(table: _Table, home: np.int64, targets: NDArray[np.int64], change: NDArray[np.int64]) -> _Table:
    """(K, C, S): the table (C, S) with each of K changes (K, C) added to the home split and taken from its target."""
    shifted = np.repeat(table[np.newaxis], len(targets), axis=0)
    shifted[:, :, home] += change
    shifted[np.arange(len(targets)), :, targets] -= change
    return shifted


def _allowed(state: _State, tried: _State, asked: Asked, largest: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(K,): the changes after which no class has left a split, nor is farther off than before and than its largest cluster."""
    num_alone = np.rint(state.missing.sum(axis=1)).astype(np.int64)

    def uncovered(one: _State) -> NDArray[np.int64]:
        barren = (~asked.stocked & (one.holding == 0)).sum(axis=-1)
        bare: NDArray[np.int64] = np.maximum(barren - num_alone, 0)
        return bare

    limit = np.maximum(np.abs(_left_over(state.missing)).max(axis=-1), largest)
    off = np.abs(_left_over(tried.missing)).max(axis=-1)
    allowed: NDArray[np.bool_] = ((uncovered(tried) <= uncovered(state)) & (off <= limit + 1e-9)).all(axis=-1)
    return allowed


def _assign_alone(
    classes: NDArray[np.int64], draws: NDArray[np.float64], missing: NDArray[np.int64], empty: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The split of each image that stands alone: of each class, in the order of their draws, as many as a split lacks."""
    order = np.lexsort((draws, classes))
    counts = np.bincount(classes, minlength=len(missing))
    parts = [
        apportion(int(count), np.maximum(lacking, 0).astype(np.float64), barren)
        for count, lacking, barren in zip(counts, missing, empty, strict=True)
        if count
    ]
    assigned = np.empty(len(classes), dtype=np.int64)
    if parts:
        assigned[order] = np.concatenate([np.repeat(np.arange(len(part)), part) for part in parts])
    return assigned
