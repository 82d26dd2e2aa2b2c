import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from dataprep.intervals import wilson_interval


@given(st.integers(1, 5000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_the_interval_is_scipy_s_wilson(counts: tuple[int, int]) -> None:
    seen, trials = counts
    expected = binomtest(seen, trials).proportion_ci(confidence_level=0.95, method="wilson")
    assert wilson_interval(seen / trials, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_more_images_make_it_narrower_and_it_stays_in_the_unit_interval() -> None:
    widths = [high - low for low, high in (wilson_interval(0.9, trials) for trials in (1, 10, 100, 1000))]
    assert widths == sorted(widths, reverse=True)
    assert wilson_interval(0.0, 7)[0] == 0.0
    assert wilson_interval(1.0, 7)[1] == 1.0
