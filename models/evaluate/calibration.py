"""Calibration: whether the network is right as often as it is sure.

The expected calibration error is the mean distance between confidence and accuracy over ten bins of confidence, each weighed
by its images (Naeini, Cooper, Hauskrecht 2015). A temperature above 1 makes all probabilities less sure; the one that fits is
found by the mean log loss (Guo, Pleiss, Sun, Weinberger, On Calibration of Modern Neural Networks, 2017).
"""

from typing import Annotated

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from scipy.optimize import minimize_scalar

from dataprep.core.artifacts import Count, Document, Fraction, Interval
from dataprep.core.confidence_intervals import estimate
from dataprep.core.rng import rng_for
from models.evaluate.predictions import probabilities_of

BINS = 10
_LEAST = 1e-7  # a probability of 0 has no logarithm
_LOG_RANGE = 3.0  # of the temperature: 1/20 to 20
_COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)
_RESAMPLES = 200


class Bin(Document):
    """The images whose confidence lies from `low` to below `high`; of no image, all figures are those of the middle."""

    low: Fraction
    high: Fraction
    images: Count
    confidence: Fraction  # the mean
    accuracy: Fraction
    accuracy_interval: Interval


class Coverage(Document):
    """What is right where only the surest images are answered."""

    threshold: Fraction  # the confidence of the least sure of them
    coverage: Fraction  # part of the images
    accuracy: Fraction


class Calibration(Document):
    """Calibration on the images of one split."""

    images: Count
    temperature: Annotated[float, Field(gt=0)]  # by which logits are divided
    expected_calibration_error: Fraction
    interval: Interval  # of the error, 95%, by resampling clusters
    after_temperature: Fraction  # the error with the temperature
    mean_confidence: Fraction
    bins: list[Bin]
    coverage: list[Coverage]


def calibrate(rows: pl.DataFrame, *, seed: int) -> Calibration:
    """Measures calibration.

    Args:
        rows: predictions of one split with their clusters, at least one.
        seed: of the resampling.
    """
    probabilities, labels = probabilities_of(rows)
    confidence = np.clip(rows["confidence"].to_numpy().astype(np.float64), 0, 1)
    right = (rows["label"] == rows["predicted"]).to_numpy()
    temperature = fit_temperature(probabilities, labels)
    tempered = at_temperature(probabilities, temperature).max(axis=1)
    clusters = rows["cluster"].to_numpy()
    return Calibration(
        images=rows.height,
        temperature=temperature,
        expected_calibration_error=_error(confidence, right),
        interval=_interval(confidence, right, clusters, seed),
        after_temperature=_error(tempered, right),
        mean_confidence=float(confidence.mean()),
        bins=_bins(confidence, right, clusters),
        coverage=_coverage(confidence, right),
    )


def fit_temperature(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The temperature with the least mean log loss, three digits, between 0.05 and 20.

    Args:
        probabilities: (N, num_classes).
        labels: (N,).
    """
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = at_temperature(probabilities, float(np.exp(log_temperature)))
        return float(-np.log(np.maximum(scaled[rows, labels], _LEAST)).mean())

    found = minimize_scalar(loss, bounds=(-_LOG_RANGE, _LOG_RANGE), method="bounded", options={"xatol": 1e-4})
    return float(f"{np.exp(found.x):.3g}")


def at_temperature(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Probabilities (N, num_classes) whose logits are divided by a temperature."""
    logits = np.log(np.maximum(probabilities, _LEAST)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    scaled: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return scaled


def _bins(confidence: NDArray[np.float64], right: NDArray[np.bool_], clusters: NDArray[np.object_]) -> list[Bin]:
    numbers = _bin_numbers(confidence)
    found = []
    for number in range(BINS):
        own = numbers == number
        low, high = number / BINS, (number + 1) / BINS
        middle = (low + high) / 2
        seen = estimate(right[own], clusters[own]) if own.any() else None
        found.append(
            Bin(
                low=low,
                high=high,
                images=int(own.sum()),
                confidence=float(confidence[own].mean()) if seen else middle,
                accuracy=seen.fraction if seen else middle,
                accuracy_interval=seen.interval if seen else (0.0, 1.0),
            )
        )
    return found


def _error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    numbers = _bin_numbers(confidence)
    gaps = np.bincount(numbers, weights=right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(right))


def _bin_numbers(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum((confidence * BINS).astype(np.int64), BINS - 1)


def _interval(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], clusters: NDArray[np.object_], seed: int
) -> tuple[float, float]:
    """The 95% interval of the error: clusters are drawn anew, and the upward bias that this shows is taken off."""
    _, numbers = np.unique(clusters, return_inverse=True)
    count = int(numbers.max()) + 1
    rng = rng_for(seed, "calibration")
    whole = _error(confidence, right)
    drawn = []
    bins = _bin_numbers(confidence)
    for _ in range(_RESAMPLES):
        times = rng.multinomial(count, np.full(count, 1 / count))[numbers]
        gaps = np.bincount(bins, weights=times * (right - confidence), minlength=BINS)
        drawn.append(float(np.abs(gaps).sum() / max(times.sum(), 1)))
    low, high = np.quantile(drawn, [0.025, 0.975])
    # An absolute value of noise is above 0: resampling adds the same bias once more, so the interval is reflected.
    return max(2 * whole - float(high), 0.0), min(max(2 * whole - float(low), whole), 1.0)


def _coverage(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> list[Coverage]:
    order = np.argsort(-confidence, kind="stable")
    running = np.cumsum(right[order])
    found = []
    for coverage in _COVERAGES:
        answered = max(round(coverage * len(right)), 1)
        found.append(
            Coverage(
                threshold=float(confidence[order[answered - 1]]),
                coverage=answered / len(right),
                accuracy=float(running[answered - 1] / answered),
            )
        )
    return found
