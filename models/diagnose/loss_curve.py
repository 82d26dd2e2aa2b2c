"""What the epochs of a training say: whether it had come to rest when it ended, and whether its steps had the right size.

A fall or rise is certain where an ordering of the losses as regular as this one is rare by chance: Mann's test of a trend, with
exact probabilities for few epochs. For example the losses 9 7 8 5 4 of five epochs: of their ten pairs nine fall and one rises;
chance alone orders so many pairs so with a probability of 4%.

Source: H. B. Mann, Nonparametric Tests Against Trend, Econometrica 13, 1945.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import polars as pl

from models.diagnose.significance import RARE

FEWEST = 4
"""Epochs of which a trend can be certain at all."""

_SWING = 0.1
"""Part of the loss by which one rise counts as a swing; those of a network at rest are far smaller."""
_MANY_SWINGS = 1 / 3
_MOST = 30
"""Values of which a trend is judged."""


@dataclass(frozen=True, slots=True)
class LossCurve:
    """The losses of all epochs, in their order.

    Attributes:
        epochs: that were run.
        kept: number of the one whose weights were saved, from 1.
        loss: of the train images, as they were varied.
        val_loss: of validation.
        val_accuracy: of validation.
    """

    epochs: int
    kept: int
    loss: list[float]
    val_loss: list[float]
    val_accuracy: list[float]

    @property
    def still_falls(self) -> bool:
        """Whether the validation loss fell to the end: for certain in the second half, or where epochs are few, in the last.

        One epoch alone is none in which training comes to rest.
        """
        half = self.val_loss[self.epochs // 2 :]
        if len(half) < FEWEST:
            return self.epochs == 1 or self.val_loss[-1] < min(self.val_loss[:-1])
        return chance_of_fall(half) < RARE

    @property
    def gained(self) -> float:
        """By how much validation accuracy rose in the second half of the epochs, as a fraction of images; at least 0."""
        return max(self.val_accuracy[self.kept - 1] - self._best_of_first(self.epochs // 2), 0.0)

    @property
    def outlook(self) -> float:
        """By how much it would rise in as many epochs again, if each doubling brings the same part of the one before.

        For example 0.88 after 4 epochs, 0.94 after 8 and 0.96 after 16: 0.06, then 0.02, a third of it. 16 more epochs would
        bring a third of 0.02. Of two or three epochs it is what the second half brought, of one all that the network knows.
        """
        if self.epochs == 1:
            return self.val_accuracy[0]
        if self.epochs < FEWEST:
            return self.gained
        earlier = self._best_of_first(self.epochs // 2) - self._best_of_first(self.epochs // 4)
        return self.gained * (min(self.gained / earlier, 1.0) if earlier > 0 else 1.0)

    def _best_of_first(self, epochs: int) -> float:
        return max(self.val_accuracy[: max(epochs, 1)])

    @property
    def swings(self) -> bool:
        """Whether the train loss was no number in some epoch, or rose by a tenth or more in a third of them."""
        if not all(map(math.isfinite, self.loss)):
            return True
        rises = [after > (1 + _SWING) * before for before, after in zip(self.loss, self.loss[1:], strict=False)]
        return len(rises) >= FEWEST and sum(rises) >= _MANY_SWINGS * len(rises)

    @property
    def stands_still(self) -> bool:
        """Whether the train loss does not fall for certain, though there are epochs enough to tell."""
        return self.epochs >= FEWEST and not chance_of_fall(self.loss) < RARE


def learning_curve(history: pl.DataFrame, kept: int) -> LossCurve:
    """Takes from a history what findings read.

    Args:
        history: one row per epoch: loss, val_loss, val_accuracy.
        kept: the epoch whose weights were saved.
    """
    return LossCurve(history.height, kept, *(history[name].to_list() for name in ("loss", "val_loss", "val_accuracy")))


def chance_of_fall(values: Sequence[float]) -> float:
    """Probability that chance alone orders values so that at least as many of their pairs fall.

    Args:
        values: in their order; one that is no number is above all others. Of more than 30 the last 30 are read.

    >>> round(chance_of_fall([9, 7, 8, 5, 4]), 3), chance_of_fall([1.0, 2.0])
    (0.042, 1.0)
    """
    last = [value if math.isfinite(value) else math.inf for value in values[-_MOST:]]
    falls = sum(before > after for place, before in enumerate(last) for after in last[place + 1 :])
    counts = _orderings(len(last))
    return sum(counts[falls:]) / sum(counts)


@cache
def _orderings(count: int) -> list[int]:
    """How many orderings of so many values have 0, 1, 2 ... falling pairs (Mahonian numbers)."""
    counts = [1]
    for size in range(2, count + 1):
        counts = [sum(counts[max(falls - size + 1, 0) : falls + 1]) for falls in range(len(counts) + size - 1)]
    return counts
