import numpy as np
import polars as pl
import pytest

from models.evaluate.calibration import at_temperature, calibrate, fit_temperature
from models.evaluate.predictions import predictions_frame


def drawn(temperature: float, count: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels that come with these, once their logits are divided by a temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(count, 3)) * 2
    powers = np.exp(logits)
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    truth = at_temperature(probabilities, temperature)
    labels = (truth.cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    return probabilities, labels


def rows_of(probabilities: np.ndarray, labels: np.ndarray) -> pl.DataFrame:
    ids = [f"{number:05d}.png" for number in range(len(labels))]
    return predictions_frame(ids, "validation", labels, probabilities.astype(np.float32), list("abc")).with_columns(
        cluster="id"
    )


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_of_the_labels_is_found_again(temperature: float) -> None:
    probabilities, labels = drawn(temperature)
    assert fit_temperature(probabilities, labels) == pytest.approx(temperature, rel=0.1)


def test_a_network_that_is_right_as_often_as_it_is_sure_has_no_error_for_certain() -> None:
    found = calibrate(rows_of(*drawn(1.0)), seed=0)
    assert found.expected_calibration_error < 0.03
    assert found.interval[0] < 0.02
    assert sum(own.images for own in found.bins) == 4000
    assert [own.coverage for own in found.coverage] == sorted((own.coverage for own in found.coverage), reverse=True)
    assert found.coverage[-1].accuracy > found.coverage[0].accuracy  # the surest are right most often


def test_a_network_that_is_surer_than_right_has_an_error_that_its_temperature_mends() -> None:
    found = calibrate(rows_of(*drawn(3.0)), seed=0)
    assert found.interval[0] > 0.1
    assert found.interval[0] <= found.expected_calibration_error <= found.interval[1]
    assert found.after_temperature < 0.03
    assert found == calibrate(rows_of(*drawn(3.0)), seed=0)


def test_images_of_one_cluster_make_the_error_less_sure() -> None:
    rows = rows_of(*drawn(3.0, count=400))
    together = rows.with_columns(cluster=pl.Series([str(number // 20) for number in range(400)]))
    own, shared = (calibrate(one, seed=0).interval for one in (rows, together))
    assert shared[1] - shared[0] > 0.9 * (own[1] - own[0])
    assert shared != own
