"""Finds pictures that are there twice without being equal: re-encoded, resized, brightened, or cropped by some 2%.

Whether two pictures are near duplicates depends on these two alone. So a new picture is compared with the others, and old
answers stay true. First, candidates are found: their perceptual hashes agree up to some bits, as they are or after a small
crop of one of them. Tables find them, one for each pair of the four parts of a hash: hashes that differ in two bits agree in
two parts at least. Then each candidate is confirmed on its low frequencies: of all small crops, the one is computed that
explains most of the difference (a linear least-squares problem). What it leaves unexplained must be close to nothing.
For one random picture of 96 x 96 pixels, where at most 3 bits and a difference of 0.001 are allowed:

    compared with            bits, as they are / under the best crop    difference    near duplicate
    itself as JPEG           1 / 1                                      0.0002        yes
    cropped by 2%            3 / 2                                      0.0001        yes
    cropped by a tenth       13 / 7: no candidate                       0.09          no
    another picture          34 / 28: no candidate                      1.1           no
"""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataprep.config.ingest import NearDuplicatesConfig
from dataprep.core.connected_components import join_rows
from dataprep.execute.executor import in_order
from dataprep.ingest.perceptual_features import (
    HASH_BITS,
    HASHED,
    KEPT,
    SIDE,
    Features,
    cosine_basis,
    low_frequencies,
    perceptual_hashes,
    sample_positions,
)

LARGEST_CROP = 0.025
"""Of each side, as a fraction of the width or the height."""

LEAST_CONTRAST = 2.0
"""Standard deviation in gray levels; below it a picture shows noise, and has no near duplicates."""

LARGEST_COLOR_DIFFERENCE = 8.0
"""Root mean square over the coarse color maps, in gray levels; the same shape in another color is another picture."""

_QUERIES_PER_BLOCK = 2048
_CANDIDATES_AT_ONCE = 1 << 18
_PAIRS_AT_ONCE = 1 << 18
_EDGES_HELD = 1 << 14
_NUM_PARTS = 4

# Crops of (left, right, top, bottom) that a picture is looked up with: none, evenly, of each side, and of each corner.
# Crops between them are within the distance that the hash allows.
_EVEN, _ONE = 0.4 * LARGEST_CROP, 0.8 * LARGEST_CROP
_CROPS = (
    (0.0, 0.0, 0.0, 0.0),
    (_EVEN, _EVEN, _EVEN, _EVEN),
    (_ONE, 0.0, 0.0, 0.0),
    (0.0, _ONE, 0.0, 0.0),
    (0.0, 0.0, _ONE, 0.0),
    (0.0, 0.0, 0.0, _ONE),
    (_ONE, 0.0, _ONE, 0.0),
    (_ONE, 0.0, 0.0, _ONE),
    (0.0, _ONE, _ONE, 0.0),
    (0.0, _ONE, 0.0, _ONE),
)

# High frequencies weigh more: pictures have less in them, and there the differences are.
_WEIGHTS = np.sqrt(np.hypot(*np.mgrid[:HASHED, :HASHED])).ravel()[1:].astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows of the pictures by a key of some bits of their hashes."""

    bits: NDArray[np.int64]
    keys: NDArray[np.uint64]  # sorted
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Index:
    """The pictures that are looked up."""

    rows: NDArray[np.int64]  # (T,)
    plain: NDArray[np.float32]  # (T, HASH_BITS) weighted low frequencies
    hashes: NDArray[np.uint64]  # (T,)
    tables: list[_Table]


def find_clusters(
    features: Features, config: NearDuplicatesConfig, *, known: NDArray[np.int64] | None = None, workers: int = 1
) -> NDArray[np.int64]:
    """Joins pictures that are near duplicates, directly or by a chain of others.

    Args:
        features: (N, LENGTH), of N different pictures.
        config: when two pictures count as the same.
        known: (N,) clusters that were found before, -1 for new rows. Only new rows are searched for. None: all are new.
        workers: threads; they do not change the result.

    Returns:
        (N,) for each row the smallest row of its cluster; its own where it is alone.
    """
    num_pictures = len(features)
    clusters = np.arange(num_pictures)
    if known is not None:
        old = known >= 0
        clusters[old] = known[old]
    fresh = np.flatnonzero(known < 0) if known is not None else clusters.copy()
    everything = np.arange(num_pictures)
    if len(fresh) == 0 or num_pictures < 2:
        return clusters
    searches = [(fresh, everything)]
    if len(fresh) < num_pictures:
        searches.append((np.setdiff1d(everything, fresh), fresh))
    for queries, targets in searches:
        clusters = _search(features, queries, targets, clusters, config=config, workers=workers)
    return clusters


def hashes_of(features: Features) -> NDArray[np.uint64]:
    """The perceptual hash of each picture: (N, LENGTH) -> (N,)."""
    return perceptual_hashes(low_frequencies(_coefficients(features)))


def difference_of(pair: Features) -> float:
    """How much of one picture the best small crop of the other leaves unexplained, 0 = nothing; the better of both ways.

    Args:
        pair: (2, LENGTH) features of two pictures.
    """
    whole = _axis(0.0, 0.0)
    plain = _crop(_coefficients(pair), whole, whole) * _WEIGHTS
    return float(_confirm(pair, np.array([0, 1]), plain, np.array([1, 0])).min())


def _search(
    features: Features,
    queries: NDArray[np.int64],
    targets: NDArray[np.int64],
    clusters: NDArray[np.int64],
    *,
    config: NearDuplicatesConfig,
    workers: int,
) -> NDArray[np.int64]:
    """Looks queries up, with crops, among targets, and joins the clusters of near duplicates.

    Pictures of one cluster are not compared again: N pictures that are all alike, as from one camera, have N x N pairs.
    """
    targets = targets[_has_contrast(features[targets])]
    queries = queries[_has_contrast(features[queries])]
    if len(targets) == 0:
        return clusters
    whole = _axis(0.0, 0.0)
    plain = np.concatenate([_crop(_coefficients(features[rows]), whole, whole) for rows in _blocks(targets)])
    hashes = perceptual_hashes(plain)
    index = _Index(targets, plain * _WEIGHTS, hashes, _make_tables(hashes))
    joined = [clusters]  # the latest; a look-up takes what is there when it starts, which only changes how much it skips

    def look_up(rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return _look_up(features, rows, index, joined[0], config)

    held: list[NDArray[np.int64]] = []
    with ThreadPoolExecutor(max(workers, 1)) as executor:
        # Few at a time: later ones profit from what the earlier ones joined.
        for edges in in_order(executor, look_up, _blocks(queries), max_pending=2 * workers + 1):
            held.append(edges)
            if sum(map(len, held)) > _EDGES_HELD:
                joined[0] = _join(joined[0], held)
                held = []
    return _join(joined[0], held)


def _look_up(
    features: Features, rows: NDArray[np.int64], index: _Index, clusters: NDArray[np.int64], config: NearDuplicatesConfig
) -> NDArray[np.int64]:
    """(E, 2) pairs of near duplicates that are not in one cluster yet: not all, but enough to join each cluster."""
    cropped = _hash(features[rows], _CROPS)  # (Q, V)
    found: list[NDArray[np.int64]] = [np.zeros((0, 2), dtype=np.int64)]
    waiting: list[NDArray[np.int64]] = []
    for table in index.tables:
        for query, target in _same_key(table, cropped):
            # This leaves out each picture itself, too.
            apart = clusters[rows[query]] != clusters[index.rows[target]]
            near = _near(cropped, index.hashes, query[apart], target[apart], config.max_hash_distance)
            waiting.append(query[apart][near] * len(index.rows) + target[apart][near])
            if sum(map(len, waiting)) > _PAIRS_AT_ONCE:
                found.append(_edges(features, rows, index, waiting, config.max_difference))
                waiting = []
                clusters = _join(clusters, found[-1:])
    return np.concatenate([*found, _edges(features, rows, index, waiting, config.max_difference)])


def _edges(
    features: Features, rows: NDArray[np.int64], index: _Index, waiting: list[NDArray[np.int64]], max_difference: float
) -> NDArray[np.int64]:
    """Confirms pairs. A pair is a number, query * num_targets + target, and may come more than once."""
    query, target = np.divmod(np.unique(np.concatenate([np.zeros(0, np.int64), *waiting])), len(index.rows))
    near = _confirm(features[rows], query, index.plain, target) <= max_difference
    pairs = np.stack([rows[query[near]], index.rows[target[near]]], axis=1)
    return pairs[_color_difference(features, pairs) <= LARGEST_COLOR_DIFFERENCE]


def _near(
    cropped: NDArray[np.uint64], hashes: NDArray[np.uint64], query: NDArray[np.int64], target: NDArray[np.int64], most: int
) -> NDArray[np.bool_]:
    """Whether hashes differ in at most so many bits under the best of the crops."""
    distance = np.full(len(query), HASH_BITS + 1, dtype=np.uint8)
    for crop in range(cropped.shape[1]):
        distance = np.minimum(distance, np.bitwise_count(cropped[query, crop] ^ hashes[target]))
    return distance <= most


def _blocks(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[start : start + _QUERIES_PER_BLOCK] for start in range(0, len(rows), _QUERIES_PER_BLOCK)]


def _join(clusters: NDArray[np.int64], held: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Joins clusters by edges and names each by its smallest row."""
    rows = np.arange(len(clusters))
    start, end = np.concatenate([np.stack([rows, clusters], axis=1), *held]).T
    return join_rows(start, end, len(rows))


def _coefficients(features: Features) -> NDArray[np.float32]:
    return features[:, : KEPT * KEPT].astype(np.float32).reshape(-1, KEPT, KEPT)


def _has_contrast(features: Features) -> NDArray[np.bool_]:
    enough: NDArray[np.bool_] = np.linalg.norm(low_frequencies(_coefficients(features)), axis=1) >= LEAST_CONTRAST * SIDE
    return enough


def _axis(before: float, after: float) -> NDArray[np.float32]:
    """Turns KEPT frequencies of a side into the HASHED lowest of that side cropped: (HASHED, KEPT)."""
    positions = sample_positions()
    cropped = before + positions * (1 - before - after)
    return (cosine_basis(positions, HASHED) @ cosine_basis(cropped, KEPT).T).astype(np.float32)


def _crop(
    coefficients: NDArray[np.float32], vertical: NDArray[np.float32], horizontal: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Low frequencies of cropped pictures: (N, KEPT, KEPT) -> (N, HASH_BITS)."""
    return low_frequencies((vertical @ coefficients @ horizontal.T).astype(np.float32, copy=False))


def _hash(features: Features, crops: tuple[tuple[float, float, float, float], ...]) -> NDArray[np.uint64]:
    """Perceptual hashes of pictures under crops: (N, LENGTH) -> (N, len(crops))."""
    coefficients = _coefficients(features)
    values = [_crop(coefficients, _axis(top, bottom), _axis(left, right)) for left, right, top, bottom in crops]
    return np.stack([perceptual_hashes(value) for value in values], axis=1)


def _make_tables(hashes: NDArray[np.uint64]) -> list[_Table]:
    # Neighbouring bits go to different parts: of one picture's low frequencies many agree with those of others.
    parts = [np.arange(part, HASH_BITS, _NUM_PARTS) for part in range(_NUM_PARTS)]
    tables = []
    for pair in itertools.combinations(parts, 2):
        bits = np.concatenate(pair)
        keys = _key(hashes, bits)
        order = np.argsort(keys, kind="stable")
        tables.append(_Table(bits, keys[order], order))
    return tables


def _key(hashes: NDArray[np.uint64], bits: NDArray[np.int64]) -> NDArray[np.uint64]:
    mask = np.uint64(sum(1 << int(bit) for bit in bits))
    return hashes & mask


def _same_key(table: _Table, cropped: NDArray[np.uint64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yields queries and the targets whose keys they share under some crop, some at a time."""
    keys = np.sort(_key(cropped, table.bits), axis=1)
    first = np.ones(keys.shape, dtype=bool)
    first[:, 1:] = keys[:, 1:] != keys[:, :-1]  # crops that share a key are looked up once
    queries, _ = np.nonzero(first)
    wanted = keys[first]
    start = np.searchsorted(table.keys, wanted, side="left")
    count = np.searchsorted(table.keys, wanted, side="right") - start
    some = count > 0
    yield from _expand(table, queries[some], start[some], count[some])


def _expand(
    table: _Table, queries: NDArray[np.int64], start: NDArray[np.int64], count: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yields queries and the rows that each met in a table, from `start` on `count` of them, some at a time."""
    ends = np.cumsum(count)
    cut = 0
    while cut < len(count):
        before = ends[cut - 1] if cut else 0
        stop = max(int(np.searchsorted(ends, before + _CANDIDATES_AT_ONCE, side="right")), cut + 1)
        counts = count[cut:stop]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        yield np.repeat(queries[cut:stop], counts), table.rows[np.repeat(start[cut:stop], counts) + within]
        cut = stop


def _confirm(
    features: Features, query: NDArray[np.int64], plain: NDArray[np.float32], target: NDArray[np.int64]
) -> NDArray[np.float32]:
    """How much of each target the best small crop of its query leaves unexplained: (P,), 0 = nothing.

    Args:
        features: (Q, LENGTH), of the queries.
        query: (P,) rows of `features`.
        plain: (T, HASH_BITS) weighted low frequencies of the targets.
        target: (P,) rows of `plain`.
    """
    needed, place = np.unique(query, return_inverse=True)
    columns = _linear_crops(_coefficients(features[needed]))  # (U, HASH_BITS, 5)
    gram = (columns.transpose(0, 2, 1) @ columns).astype(np.float64)
    gram += 1e-6 * np.trace(gram, axis1=1, axis2=2)[:, np.newaxis, np.newaxis] * np.eye(5)
    inverse = np.linalg.inv(gram).astype(np.float32)
    parts = [slice(begin, begin + _QUERIES_PER_BLOCK) for begin in range(0, len(query), _QUERIES_PER_BLOCK)]
    found = [_difference(columns[place[part]], inverse[place[part]], plain[target[part]]) for part in parts]
    return np.concatenate([np.zeros(0, np.float32), *found])


def _color_difference(features: Features, pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """The root mean square difference of the color maps of (P, 2) rows."""
    first, second = (features[pairs[:, side], KEPT * KEPT :].astype(np.float32) for side in (0, 1))
    difference: NDArray[np.float32] = np.sqrt(((first - second) ** 2).mean(axis=1))
    return difference


def _linear_crops(coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
    """A picture cropped evenly by half the largest crop, and how it changes with left, right, top and bottom.

    Args:
        coefficients: (U, KEPT, KEPT).

    Returns:
        (U, HASH_BITS, 5): the cropped picture, then its derivatives by the four crops, each a fraction of a side.
    """
    half, step = LARGEST_CROP / 2, LARGEST_CROP / 4
    middle = _axis(half, half)
    before = (_axis(half + step, half) - _axis(half - step, half)) / (2 * step)
    after = (_axis(half, half + step) - _axis(half, half - step)) / (2 * step)
    sides = ((middle, middle), (middle, before), (middle, after), (before, middle), (after, middle))
    values = [_crop(coefficients, vertical, horizontal) * _WEIGHTS for vertical, horizontal in sides]
    return np.stack(values, axis=-1)


def _difference(columns: NDArray[np.float32], inverse: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 - correlation of (P, HASH_BITS) pictures with others under the best crop that is allowed."""
    solved = np.einsum("pij,pj->pi", inverse, np.einsum("pki,pk->pi", columns, wanted))
    gain = np.maximum(solved[:, :1], 1e-6)
    # Half a crop more than the largest is allowed, since the linear problem is not exact there.
    most = 0.75 * LARGEST_CROP
    shift = np.clip(solved[:, 1:] / gain, -most, most)
    fitted = columns[..., 0] + np.einsum("pki,pi->pk", columns[..., 1:], shift)
    lengths = np.linalg.norm(fitted, axis=1) * np.linalg.norm(wanted, axis=1)
    unexplained: NDArray[np.float32] = 1 - (fitted * wanted).sum(axis=1) / np.maximum(lengths, 1e-6)
    return unexplained
