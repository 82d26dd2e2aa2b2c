"""The difference of two runs: on the same images or not, with seeds and clusters."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from models.compare.difference import compare_runs, design_effect, mcnemar, paired_interval

COUNTS = st.tuples(st.integers(0, 60), st.integers(0, 60))


def run(right: list[bool], clusters: list[str] | None = None, name: str = "") -> pl.DataFrame:
    ids = [f"{name}{number:04d}" for number in range(len(right))]
    return pl.DataFrame({"id": ids, "cluster": clusters or ids, "right": right})


@given(COUNTS)
def test_mcnemar_is_the_binomial_test_of_the_images_that_changed(counts: tuple[int, int]) -> None:
    gained, lost = counts
    expected = binomtest(gained, gained + lost, 0.5).pvalue if gained + lost else 1.0
    assert mcnemar(gained, lost) == pytest.approx(expected, rel=1e-9)


@given(COUNTS, st.integers(1, 5))
def test_the_interval_turns_with_the_runs_and_shrinks_with_images(counts: tuple[int, int], times: int) -> None:
    gained, lost = counts
    low, high = paired_interval(gained, lost, 200)
    assert paired_interval(lost, gained, 200) == pytest.approx((-high, -low))
    narrow = paired_interval(times * gained, times * lost, times * 200)
    assert narrow[1] - narrow[0] <= high - low + 1e-12


def test_the_interval_is_that_of_bonett_and_price_and_of_half_the_images_where_two_are_worth_one() -> None:
    assert paired_interval(1, 7, 21) == pytest.approx((-0.508, -0.013), abs=5e-4)  # two of 23 less eight of 23
    assert paired_interval(2, 14, 42, effect=2.0) == paired_interval(1, 7, 21)


@pytest.mark.parametrize("accuracy", [0.6, 0.95])
def test_nine_intervals_of_ten_or_more_hold_the_true_difference(accuracy: float) -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(1000):
        first, second = rng.random(200) < accuracy, rng.random(200) < accuracy + 0.02
        low, high = paired_interval(int((~first & second).sum()), int((first & ~second).sum()), 200)
        held += low <= 0.02 <= high
    assert 0.93 <= held / 1000 <= 0.98


def test_what_changes_alone_counts_one_each_and_what_changes_together_counts_once() -> None:
    gained, lost = np.array([True] * 12 + [False] * 108), np.zeros(120, dtype=bool)
    assert design_effect(gained, lost, np.arange(120)) == 1.0
    assert design_effect(gained, lost, np.arange(120) // 12) == 12.0
    assert design_effect(lost, lost, np.arange(120) // 12) == 12.0  # none changed: as many as there are clusters
    assert math.isinf(design_effect(gained, lost, np.zeros(120)))
    alone = compare_runs([run([False] * 12 + [True] * 108)], [run([True] * 120)])
    assert (alone.verdict, alone.gained, alone.lost, alone.paired, alone.images) == ("helped", 12, 0, True, 120)
    writers = [f"w{number // 12}" for number in range(120)]
    together = compare_runs([run([False] * 12 + [True] * 108, writers)], [run([True] * 120, writers)])
    assert (together.verdict, together.difference, together.p_value) == ("no difference", 0.1, 1.0)


def test_one_cluster_says_nothing() -> None:
    found = compare_runs([run([False] * 50, ["w"] * 50)], [run([True] * 50, ["w"] * 50)])
    assert (found.interval, found.p_value, found.verdict) == ((-1.0, 1.0), 1.0, "no difference")


def test_the_other_way_round_it_harmed() -> None:
    assert compare_runs([run([True] * 120)], [run([False] * 12 + [True] * 108)]).verdict == "harmed"
    assert compare_runs([run([True] * 120)], [run([True] * 120)]).verdict == "no difference"


def test_seeds_are_trainings_of_the_same_images_and_no_more_images() -> None:
    before, after = [True] * 40 + [False] * 10, [True] * 44 + [False] * 6
    once = compare_runs([run(before)], [run(after)])
    thrice = compare_runs([run(before)] * 3, [run(after)] * 3)
    assert (thrice.seeds, thrice.images, thrice.difference) == (3, 50, once.difference)
    assert thrice.interval == pytest.approx(once.interval)  # each seed said the same
    assert thrice.p_value == pytest.approx(once.p_value)
    others = [run([True] * 44 + [False] * 6), run([True] * 40 + [False] * 6 + [True] * 4)]
    told = compare_runs([run(before)] * 2, others)
    assert told.interval[0] > once.interval[0]  # they said the same of other images


def test_other_images_are_two_samples() -> None:
    found = compare_runs([run([True] * 60 + [False] * 40)], [run([True] * 90 + [False] * 20, name="new")])
    assert (found.paired, found.gained, found.lost, found.images) == (False, None, None, 110)
    assert found.difference == pytest.approx(90 / 110 - 0.6)
    assert found.verdict == "helped"
    assert 0 < found.p_value < 0.01
    same = compare_runs([run([True] * 60 + [False] * 40)], [run([True] * 60 + [False] * 40, name="new")])
    assert (same.verdict, same.p_value) == ("no difference", 1.0)
