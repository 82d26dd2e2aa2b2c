import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from dataprep.core.confidence_intervals import effective_trials, estimate, trials_to_decide, wilson_interval

COUNTS = st.integers(1, 5000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))


@given(COUNTS)
def test_the_interval_is_scipy_s_wilson(counts: tuple[int, int]) -> None:
    seen, trials = counts
    expected = binomtest(seen, trials).proportion_ci(confidence_level=0.95, method="wilson")
    assert wilson_interval(seen / trials, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_more_images_make_it_narrower_and_it_stays_in_the_unit_interval() -> None:
    widths = [high - low for low, high in (wilson_interval(0.9, trials) for trials in (1, 10, 100, 1000))]
    assert widths == sorted(widths, reverse=True)
    assert wilson_interval(0.0, 7)[0] == 0.0
    assert wilson_interval(1.0, 7)[1] == 1.0


@given(COUNTS)
def test_images_that_share_nothing_count_one_each(counts: tuple[int, int]) -> None:
    seen, trials = counts
    found = estimate(np.arange(trials) < seen, np.arange(trials))
    assert (found.images, found.clusters, found.effective_images) == (trials, trials, trials)
    assert found.interval == wilson_interval(seen / trials, trials)


@pytest.mark.parametrize("num_right", range(5))
def test_copies_count_once(num_right: int) -> None:
    copied = estimate(np.repeat(np.arange(4) < num_right, 60), np.repeat(np.arange(4), 60))
    assert copied.images == 240
    assert copied.effective_images == pytest.approx(4)
    assert copied.interval == pytest.approx(wilson_interval(num_right / 4, 4))


@pytest.mark.parametrize("num_right", [0, 90, 120])
def test_one_group_says_nothing_of_others(num_right: int) -> None:
    found = estimate(np.arange(120) < num_right, np.zeros(120))
    assert (found.effective_images, found.interval) == (1.0, (0.0, 1.0))


def test_few_groups_that_agree_are_not_trusted_for_it() -> None:
    every_fifth_wrong = np.arange(120) % 5 > 0
    three = estimate(every_fifth_wrong, np.arange(120) // 40)
    assert three.fraction == 0.8
    assert 3 < three.effective_images < 30  # the same fraction in three groups may be chance
    forty = estimate(every_fifth_wrong, np.arange(120) // 5)
    assert forty.effective_images > 100


@given(st.lists(st.integers(1, 30).flatmap(lambda size: st.tuples(st.integers(0, size), st.just(size))), min_size=1))
def test_a_set_is_worth_no_more_than_its_images_and_no_less_than_its_largest_cluster_leaves(
    clusters: list[tuple[int, int]],
) -> None:
    hits, sizes = (np.array(column) for column in zip(*clusters, strict=True))
    effective = effective_trials(hits, sizes)
    assert 1 <= effective <= sizes.sum() + 1e-9
    assert effective >= sizes.sum() / sizes.max() - 1e-9


@pytest.mark.parametrize(("correlation", "least"), [(0.0, 0.93), (0.1, 0.9), (1.0, 0.9)])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(correlation: float, least: float) -> None:
    rng = np.random.default_rng(0)
    held = {"clusters": 0, "images": 0}
    for _ in range(400):
        truths = {
            0.0: np.full(12, 0.8),
            0.1: rng.beta(0.8 * 9, 0.2 * 9, 12),
            1.0: (rng.random(12) < 0.8).astype(float),
        }[correlation]
        hits = rng.random((12, 20)) < truths[:, np.newaxis]
        found = estimate(hits.ravel(), np.repeat(np.arange(12), 20))
        held["clusters"] += found.interval[0] <= 0.8 <= found.interval[1]
        low, high = wilson_interval(found.fraction, 240)
        held["images"] += low <= 0.8 <= high
    assert held["clusters"] >= least * 400
    assert correlation == 0 or held["images"] < 0.8 * 400  # what copies and groups did to the interval of so many images


@pytest.mark.parametrize("copies", [20, 100, 500])
@pytest.mark.parametrize("accuracy", [0.8, 0.95])
def test_one_large_cluster_among_single_images_does_not_make_the_interval_narrow(copies: int, accuracy: float) -> None:
    rng = np.random.default_rng(0)
    clusters = np.concatenate([np.zeros(copies, dtype=np.int64), np.arange(1, 201)])
    held = 0
    for _ in range(400):
        found = estimate((rng.random(201) < accuracy)[clusters], clusters)
        held += found.interval[0] <= accuracy <= found.interval[1]
    assert held >= 0.9 * 400


@given(st.floats(0, 1), st.floats(0.01, 0.99))
def test_so_many_trials_exclude_the_target(fraction: float, target: float) -> None:
    trials = trials_to_decide(fraction, target)
    if abs(fraction - target) < 1e-3:
        assert trials > 10_000 or target < 0.02 or target > 0.98
        return
    low, high = wilson_interval(fraction, 1.01 * trials)
    assert not low <= target <= high
    low, high = wilson_interval(fraction, 0.99 * trials)
    assert low <= target <= high


def test_no_number_of_trials_excludes_the_fraction_itself() -> None:
    assert trials_to_decide(0.99, 0.99) == math.inf
