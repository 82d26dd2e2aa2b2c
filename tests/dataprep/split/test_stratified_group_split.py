import math
from collections.abc import Sequence
from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array

from dataprep.config.base import SPLITS
from dataprep.core.rng import rng_for
from dataprep.split.split_methods import split_images
from dataprep.split.stratified_group_split import Asked, apportion, assign_greedily, deviation, improve
from dataprep.store.split_report import measure_split
from tests.dataprep.split.test_split_methods import CONFIG, clustered, config_with, counts_of, images_of, plain

asked_fractions = st.sampled_from([(0.6, 0.2, 0.2), (0.98, 0.01, 0.01), (0.34, 0.33, 0.33), (0.1, 0.1, 0.8)])


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(3, 300), min_size=1), asked_fractions)
def test_proportions_are_within_one_image_per_class(counts: dict[str, int], fractions: tuple[float, float, float]) -> None:
    images = plain(counts)
    config = config_with(fractions=fractions)
    for row in measure_split(images, split_images(images, config), config).classes:
        total = counts[row.class_name]
        got = counts_of(row)
        assert sum(got) == total
        assert min(got) >= 1
        # A split whose share is below one image gets one, which the largest split gives.
        borrowed = sum(max(1 - fraction * total, 0) for fraction in fractions)
        for count, fraction in zip(got, fractions, strict=True):
            assert abs(count - fraction * total) < 1 + borrowed


@given(
    st.dictionaries(
        st.sampled_from("abc"),
        st.lists(st.integers(1, 30), min_size=3, max_size=40)
        | st.lists(st.just(1) | st.integers(1, 60), min_size=60, max_size=90),
        min_size=1,
    ),
    asked_fractions,
    st.integers(0, 20),
)
def test_proportions_are_within_one_cluster_per_class(
    sizes: dict[str, list[int]], fractions: tuple[float, float, float], seed: int
) -> None:
    images = clustered(sizes)
    config = config_with(fractions=fractions, seed=seed)
    for row in measure_split(images, split_images(images, config), config).classes:
        own = sizes[row.class_name]
        total, largest = sum(own), max(own)
        got = counts_of(row)
        assert min(got) >= 1
        # A split whose share is below one cluster gets one, which the others give.
        borrowed = sum(max(largest - fraction * total, 0) for fraction in fractions)
        for count, fraction in zip(got, fractions, strict=True):
            assert abs(count - fraction * total) < 1 + largest + borrowed


def test_images_that_stand_alone_make_up_for_large_clusters() -> None:
    images = clustered({"a": [40, 40, 40, *[1] * 80], "b": [30, *[1] * 170]})
    for row in measure_split(images, split_images(images, CONFIG), CONFIG).classes:
        assert counts_of(row) == (120, 40, 40)


def test_small_groups_make_up_for_large_ones() -> None:
    images = clustered({"a": [*[2] * 40, 40, 40, 40]})
    assert counts_of(measure_split(images, split_images(images, CONFIG), CONFIG).classes[0]) == (120, 40, 40)


def test_large_and_small_groups_stand_in_every_split() -> None:
    images = clustered({"a": list(range(1, 101))})
    sizes = split_images(images, CONFIG).group_by("split", "cluster").len()
    medians = dict(sizes.group_by("split").agg(pl.col("len").median()).rows())
    assert all(30 <= medians[name] <= 70 for name in SPLITS), medians


def test_a_group_that_is_too_large_for_a_small_split_stays_in_train() -> None:
    images = clustered({"a": [100, *[5] * 180]})
    config = config_with(fractions=(0.98, 0.01, 0.01))
    measured = measure_split(images, split_images(images, config), config)
    assert counts_of(measured.classes[0]) == (980, 10, 10)


def test_writers_of_all_digits_are_assigned_evenly() -> None:
    rng = np.random.default_rng(0)
    images = images_of(
        [
            (f"{digit}", f"w{writer}", None, f"{writer} {digit} {n}")
            for writer in range(60)
            for digit in range(10)
            for n in range(rng.integers(4, 13))
        ]
    )
    for row in measure_split(images, split_images(images, CONFIG), CONFIG).classes:
        for name, asked in zip(SPLITS, CONFIG.fractions, strict=True):
            portion = row.of_split(name)
            assert portion.asked == asked
            assert portion.got == pytest.approx(asked, abs=0.04)


def test_a_class_with_few_groups_stands_in_every_split() -> None:
    sizes = [("w0", "a", 1), ("w0", "b", 1), ("w1", "a", 1), ("w1", "b", 1), ("w2", "a", 5), ("w3", "a", 1), ("w3", "b", 5)]
    images = images_of([(label, group, None, f"{group}{label}{n}") for group, label, count in sizes for n in range(count)])
    measured = measure_split(images, split_images(images, CONFIG), CONFIG)
    assert not [warning for warning in measured.warnings if warning.startswith("class")]
    assert all(min(counts_of(row)) > 0 for row in measured.classes)


def test_a_count_is_divided_by_largest_remainders() -> None:
    weights, floors = np.array([0.6, 0.2, 0.2]), np.array([True, True, True])
    assert apportion(11, weights, floors).tolist() == [7, 2, 2]
    assert apportion(2, weights, floors).tolist() == [0, 1, 1]
    assert apportion(2, weights, np.array([False, False, False])).tolist() == [1, 1, 0]


def asked_of(counts: NDArray[np.int64], alone: Sequence[int], fractions: Sequence[float]) -> Asked:
    totals = counts.sum(axis=0) + np.array(alone)
    floors = np.ones(3, dtype=bool)
    wanted = np.array([apportion(int(total), np.array(fractions), floors) for total in totals])
    exact = totals[:, np.newaxis] * np.array(fractions)
    return Asked(exact, wanted, np.zeros_like(wanted, dtype=bool), (counts > 0).sum(axis=0) + np.array(alone))


def largest_first(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return counts[np.argsort(-counts.sum(axis=1), kind="stable")]


def covered(counts: NDArray[np.int64], chosen: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(C, S): whether the class has a cluster there."""
    return np.stack([(counts[chosen == split] > 0).any(axis=0) for split in range(3)], axis=1)


def off_by(counts: NDArray[np.int64], chosen: NDArray[np.int64], asked: Asked) -> NDArray[np.float64]:
    """(C,): by how many images the split of each class that is farthest off misses the fractions."""
    got = np.stack([counts[chosen == split].sum(axis=0) for split in range(3)], axis=1)
    farthest: NDArray[np.float64] = np.abs(got - asked.exact).max(axis=1)
    return farthest


def test_a_few_large_clusters_come_as_near_as_they_can() -> None:
    sizes = [182, 42, 41, 41, 40, 40, 40, 39, 39]  # the first are four writers who share a picture
    labels, asked = "0123456", np.array([302.4, 100.8, 100.8])
    rows = [(labels[n % 7], f"w{writer}", None, f"{writer} {n}") for writer, size in enumerate(sizes) for n in range(size)]
    images = images_of(rows)
    best = min(
        float(((np.bincount(where, weights=sizes, minlength=3) - asked) ** 2).sum())
        for where in product(range(3), repeat=len(sizes))
    )
    for seed in range(5):
        totals = measure_split(images, split_images(images, config_with(seed=seed)), CONFIG).images
        got = np.array([totals[name] for name in SPLITS])
        assert 300 <= got[0] <= 305
        assert float(((got - asked) ** 2).sum()) < 1.05 * best


@pytest.mark.parametrize("seed", range(5))
def test_eight_equal_writers_are_assigned_five_two_and_one(seed: int) -> None:
    images = images_of([(f"{n % 5}", f"w{writer}", None, f"{writer} {n}") for writer in range(8) for n in range(15)])
    totals = measure_split(images, split_images(images, config_with(seed=seed)), CONFIG).images
    assert sorted(totals.values()) == [15, 30, 75]
    assert totals["train"] == 75


@st.composite
def members(draw: st.DrawFn) -> tuple[NDArray[np.int64], Asked]:
    num_clusters, num_classes = draw(st.integers(1, 20)), draw(st.integers(1, 4))
    sizes = st.lists(st.just(0) | st.integers(0, 40), min_size=num_classes, max_size=num_classes)
    drawn = np.array(draw(st.lists(sizes, min_size=num_clusters, max_size=num_clusters)))
    drawn[drawn.sum(axis=1) < 2, 0] = 2
    alone = draw(st.lists(st.just(0) | st.integers(0, 30), min_size=num_classes, max_size=num_classes))
    drawn[0, (drawn.sum(axis=0) + np.array(alone)) == 0] = 1  # every class has images
    counts = largest_first(drawn)
    asked = asked_of(counts, alone, draw(asked_fractions))
    stocked = draw(st.lists(st.booleans(), min_size=num_classes * 3, max_size=num_classes * 3))
    return counts, Asked(asked.exact, asked.wanted, np.array(stocked).reshape(num_classes, 3), asked.num_clusters)


@given(members())
def test_moves_and_swaps_never_lead_away_from_what_was_asked(drawn: tuple[NDArray[np.int64], Asked]) -> None:
    counts, asked = drawn
    greedy = assign_greedily(csr_array(counts), asked)
    before = greedy.copy()
    better = improve(csr_array(counts), greedy, asked)
    assert (greedy == before).all()
    assert deviation(csr_array(counts), better, asked) <= deviation(csr_array(counts), greedy, asked)
    assert (improve(csr_array(counts), greedy, asked) == better).all()


@given(members())
def test_moves_and_swaps_keep_every_class_where_it_can_stand(drawn: tuple[NDArray[np.int64], Asked]) -> None:
    counts, asked = drawn
    greedy = assign_greedily(csr_array(counts), asked)
    better = improve(csr_array(counts), greedy, asked)
    alone = asked.wanted.sum(axis=1) - counts.sum(axis=0)
    barren = [(~asked.stocked & ~covered(counts, chosen)).sum(axis=1) for chosen in (greedy, better)]
    lacking_before, lacking_after = (np.maximum(one - alone, 0) for one in barren)  # images that stand alone fill the others
    assert (lacking_after <= lacking_before).all()
    limit = np.maximum(counts.max(axis=0), off_by(counts, greedy, asked))
    assert (off_by(counts, better, asked) <= limit + 1e-6)[alone == 0].all()


@pytest.mark.slow
def test_few_clusters_are_assigned_nearly_as_well_as_can_be() -> None:
    rng = rng_for(0, "brute force")
    regrets = []
    for _ in range(40):
        shape = (int(rng.integers(4, 8)), int(rng.integers(1, 4)))
        counts = largest_first(rng.integers(5, 60, shape))
        asked = asked_of(counts, [0] * shape[1], (0.6, 0.2, 0.2))
        table = csr_array(counts)
        everywhere = (np.array(where) for where in product(range(3), repeat=len(counts)))
        best = min(deviation(table, where, asked) for where in everywhere if covered(counts, where).all())
        found = deviation(table, improve(table, assign_greedily(table, asked), asked), asked)
        regrets.append(math.sqrt(found / shape[1]) - math.sqrt(best / shape[1]))  # of the images of a class
    assert sum(regret < 1e-9 for regret in regrets) >= 30
    assert max(regrets) < 0.1
