"""Which epoch is the best, and whether a better one is still waited for: pure functions of the epochs so far."""

import math
from collections.abc import Mapping, Sequence

import polars as pl

from models.config.train import EarlyStoppingConfig


def costs_of(config: EarlyStoppingConfig, epochs: Sequence[Mapping[str, float]]) -> list[float]:
    """The metric of each epoch as a number of which less is better; infinite where it is no number.

    Args:
        config: which metric.
        epochs: rows of the history.
    """
    sign = -1 if config.metric.endswith("accuracy") else 1
    return [sign * row[config.metric] if math.isfinite(row[config.metric]) else math.inf for row in epochs]


def best_epoch(config: EarlyStoppingConfig, epochs: pl.DataFrame) -> dict[str, float]:
    """The row of a history whose weights were kept: the first with the best metric."""
    rows = epochs.to_dicts()
    costs = costs_of(config, rows)
    return rows[costs.index(min(costs))]


def is_best(costs: Sequence[float]) -> bool:
    """Whether the last epoch is better than all before it; the first is, whatever it is.

    >>> is_best([3.0]), is_best([3.0, 2.0]), is_best([3.0, 2.0, 2.0])
    (True, True, False)
    """
    return len(costs) == 1 or costs[-1] < min(costs[:-1])


def waited_enough(config: EarlyStoppingConfig, costs: Sequence[float]) -> bool:
    """Whether the last `patience` epochs brought no gain of more than `min_change`."""
    best, waited = math.inf, 0
    for cost in costs:
        gained = cost < best - config.min_change
        best, waited = (cost, 0) if gained else (best, waited + 1)
    return waited >= config.patience
