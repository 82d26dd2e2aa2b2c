"""Whether chance alone explains a number of mistakes: exact one-sided tests on as many images as are independent.

Images of one cluster are right or wrong together, so mistakes and images are divided by the design effect before a test (Rao,
Scott 1992, as in `confidence_intervals`). Where each image is a cluster of its own, these are the textbook's tests.
"""

import math

from scipy.special import betainc
from scipy.stats import fisher_exact

from models.diagnose.metrics import Accuracy

RARE = 0.05
"""Probability below which chance is no explanation."""

_FACTORS = range(2, 101)  # more images than that are out of reach
_HAIR = 1e-6  # by which a product of floats may miss a whole number


def chance_above(seen: Accuracy, error: float) -> float:
    """Probability of at least as many mistakes if the true error were the one given: the binomial tail.

    Args:
        seen: what was measured.
        error: in [0, 1].
    """
    trials, mistakes = _trials(seen), _mistakes(seen)
    if mistakes <= 0 or error >= 1:
        return 1.0
    return float(betainc(mistakes, trials - mistakes + 1, error))  # also between whole numbers


def chance_worse(first: Accuracy, second: Accuracy) -> float:
    """Probability of at least so many more mistakes in the first if both had the same true error: Fisher's exact test.

    Effective counts are rounded so that the difference shrinks.
    """
    table = [_whole(first, math.floor(_mistakes(first) + _HAIR)), _whole(second, math.ceil(_mistakes(second) - _HAIR))]
    return float(fisher_exact(table, alternative="greater").pvalue)


def difference_interval(first: Accuracy, second: Accuracy) -> tuple[float, float]:
    """The 95% interval of the first accuracy less the second, from the intervals of both.

    Source: R. G. Newcombe, Interval estimation for the difference between independent proportions, 1998, method 10.
    """
    difference = first.accuracy - second.accuracy
    (first_low, first_high), (second_low, second_high) = first.accuracy_interval, second.accuracy_interval
    below = math.hypot(first.accuracy - first_low, second_high - second.accuracy)
    above = math.hypot(first_high - first.accuracy, second.accuracy - second_low)
    return difference - below, difference + above


def times_to_tell_apart(worse: Accuracy, better: Accuracy) -> int | None:
    """How many times as many images of both sets would show that the first is worse, if both accuracies stayed as they are.

    Returns:
        None where no number within reach would.
    """
    return next((times for times in _FACTORS if chance_worse(_times(worse, times), _times(better, times)) < RARE), None)


def times_to_tell_from(seen: Accuracy, error: float, level: float = RARE) -> int | None:
    """How many times as many images would show that the true error is above the one given, if the accuracy stayed as it is.

    Returns:
        None where no number within reach would.
    """
    return next((times for times in _FACTORS if chance_above(_times(seen, times), error) < level), None)


def holm(p_values: list[float]) -> list[float]:
    """Corrects p-values for their number: the k-th smallest of n times n - k + 1, and none below the one before.

    >>> holm([0.04, 0.01, 0.9])
    [0.08, 0.03, 0.9]

    Source: S. Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected, least = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(p_values[place] * (len(order) - rank), 1.0))
        corrected[place] = least
    return corrected


def _times(seen: Accuracy, times: int) -> Accuracy:
    counts = {"images": seen.images, "clusters": seen.clusters, "effective_images": seen.effective_images}
    return seen.model_copy(update={name: times * count for name, count in counts.items()})


def _trials(seen: Accuracy) -> float:
    """Effective images; one cluster of several is no trial at all."""
    return 0.0 if seen.clusters == 1 < seen.images else seen.effective_images


def _mistakes(seen: Accuracy) -> float:
    return seen.mistakes * _trials(seen) / seen.images


def _whole(seen: Accuracy, mistakes: int) -> tuple[int, int]:
    """Mistakes and right answers as whole numbers."""
    return mistakes, max(round(_trials(seen)) - mistakes, 0)
