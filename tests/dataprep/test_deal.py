import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.config import SPLITS
from dataprep.deal import apportion
from dataprep.proof import measure_split
from dataprep.split import split_images
from tests.dataprep.test_split import CONFIG, clustered, config_with, counts_of, images_of, plain

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


def test_writers_of_all_digits_are_dealt_evenly() -> None:
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
    assert measured.warnings == []
    assert all(min(counts_of(row)) > 0 for row in measured.classes)


def test_a_count_is_divided_by_largest_remainders() -> None:
    weights, floors = np.array([0.6, 0.2, 0.2]), np.array([True, True, True])
    assert apportion(11, weights, floors).tolist() == [7, 2, 2]
    assert apportion(2, weights, floors).tolist() == [0, 1, 1]
    assert apportion(2, weights, np.array([False, False, False])).tolist() == [1, 1, 0]
