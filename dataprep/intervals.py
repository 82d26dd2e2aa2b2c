"""How sure a fraction is that was measured on few images. Plain arithmetic: importing scipy.stats takes 0.4 s."""

import math

_NORMAL_95 = 1.959963984540054  # two-sided


def wilson_interval(fraction: float, trials: int) -> tuple[float, float]:
    """The 95% interval of a true fraction of which `fraction` was seen in `trials` independent trials.

    >>> [round(end, 2) for end in wilson_interval(0.9, 12)]
    [0.63, 0.98]

    Args:
        fraction: in [0, 1]; need not be a whole number of trials.
        trials: above 0.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    squared = _NORMAL_95**2
    centre = fraction + squared / (2 * trials)
    half = _NORMAL_95 * math.sqrt(fraction * (1 - fraction) / trials + squared / (4 * trials**2))
    scale = 1 + squared / trials
    # Rounding may pass the ends by a hair: none seen leaves 0, all seen leaves 1.
    low = 0.0 if fraction == 0 else max((centre - half) / scale, 0.0)
    high = 1.0 if fraction == 1 else min((centre + half) / scale, 1.0)
    return low, high
