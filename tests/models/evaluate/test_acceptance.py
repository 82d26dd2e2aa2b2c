import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluate.acceptance import acceptance_curve


def test_the_threshold_keeps_the_precision_that_was_asked_for() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 5000)
    right = rng.uniform(size=5000) < confidence  # as sure as it is right
    curve = acceptance_curve(confidence, right, np.arange(5000))
    threshold = curve.threshold_for(0.9)
    assert threshold is not None
    accepted = confidence >= threshold
    fresh = rng.uniform(threshold, 1, 100_000)
    assert (rng.uniform(size=100_000) < fresh).mean() >= 0.9
    assert accepted.mean() > 0.3
    assert curve.threshold_for(0.999) is None


def test_few_images_prove_no_high_precision_though_all_are_right() -> None:
    curve = acceptance_curve(np.linspace(0.5, 1, 100), np.ones(100, bool), np.arange(100))
    assert curve.threshold_for(0.99) is None
    assert curve.threshold_for(0.95) == pytest.approx(0.5)


def test_images_of_one_cluster_count_as_one() -> None:
    curve = acceptance_curve(np.linspace(0.5, 1, 400), np.ones(400, bool), np.arange(400) // 100)
    assert curve.threshold_for(0.95) is None


def test_what_lies_behind_a_part_that_fails_is_not_taken() -> None:
    confidence = np.linspace(1, 0.5, 4000)
    right = np.ones(4000, bool)
    right[1000:1100] = False  # then all are right again
    curve = acceptance_curve(confidence, right, np.arange(4000))
    assert curve.low[-1] >= 0.95
    threshold = curve.threshold_for(0.95)
    assert threshold is not None
    assert threshold > confidence[1100]


def test_images_of_one_confidence_are_accepted_together() -> None:
    confidence = np.repeat([1.0, 0.6], [10, 990])
    curve = acceptance_curve(confidence, np.ones(1000, bool), np.arange(1000))
    assert curve.images.tolist() == [10, 1000]
    assert curve.threshold.tolist() == [1.0, 0.6]


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.floats(0.05, 0.95))
def test_a_threshold_is_one_of_the_confidences_and_its_part_is_precise(right: list[bool], precision: float) -> None:
    confidence = np.linspace(1, 0.1, len(right))
    curve = acceptance_curve(confidence, np.array(right), np.arange(len(right)))
    threshold = curve.threshold_for(precision)
    if threshold is not None:
        assert threshold in confidence
        assert np.array(right)[confidence >= threshold].mean() >= precision
