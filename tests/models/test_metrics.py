import numpy as np
import pytest

from models.metrics import confuse, measure, score
from models.predictions import predictions_frame
from tests.models.made_up import predictions


def test_scores_are_those_of_a_hand_count() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]], dtype=np.float32)
    rows = predictions_frame(list("wxyz"), "test", np.array([0, 1, 1, 1]), probabilities, ["a", "b"])
    scores = score(rows)
    assert scores.accuracy == 0.75
    # class a: precision 1/2, recall 1; class b: precision 1, recall 2/3
    assert scores.macro_f1 == pytest.approx((2 / 3 + 0.8) / 2)
    assert scores.log_loss == pytest.approx(-np.log([0.9, 0.4, 0.7, 0.8]).mean(), rel=1e-5)
    assert confuse(rows, ["a", "b"]).counts == [[1, 0], [1, 2]]


def test_a_class_that_the_split_lacks_does_not_lower_f1() -> None:
    rows = predictions_frame(list("xy"), "test", np.array([0, 1]), np.eye(3, dtype=np.float32)[:2], ["a", "b", "c"])
    assert score(rows).macro_f1 == 1.0


def test_the_interval_is_wilson_s() -> None:
    scores = score(predictions({"test": (0.9, 100)}))
    assert scores.accuracy_interval == pytest.approx((0.8256, 0.9448), abs=1e-4)  # the textbook's 90 of 100


def test_each_split_is_scored_alone() -> None:
    metrics = measure(predictions({"train": (1.0, 200), "validation": (0.9, 100), "test": (0.8, 100)}))
    assert [metrics.of_split(split).accuracy for split in ("train", "validation", "test")] == [1.0, 0.9, 0.8]
    assert sum(map(sum, metrics.confusion["validation"].counts)) == 100
