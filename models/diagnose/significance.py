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


def _trials(seen: Accuracy) -> float:
    """Effective images; one cluster of several is no trial at all."""
    return 0.0 if seen.clusters == 1 < seen.images else seen.effective_images


def _mistakes(seen: Accuracy) -> float:
    return seen.mistakes * _trials(seen) / seen.images


def _whole(seen: Accuracy, mistakes: int) -> tuple[int, int]:
    """Mistakes and right answers as whole numbers."""
    return mistakes, max(round(_trials(seen)) - mistakes, 0)
