"""Points of a search space: drawn at random, then from the part of the space where the best trials lie.

Every dimension is a line from 0 to 1. Drawing, and narrowing to where good trials lie, happen on that line, so that a
learning rate is narrowed in orders of magnitude and a dropout in steps.

    learning_rate log_uniform 0.0001 to 0.1:   place 0 -> 0.0001,   1/3 -> 0.001,   1 -> 0.1
    the best trials have places 0.5, 0.6, 0.7  ->  the second round draws from 0.4 to 0.8
"""

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np

from models.config.search import (
    Choice,
    Dimension,
    Integer,
    LogUniform,
    OneMinusLogUniform,
    Symmetric,
    Uniform,
    Value,
)

Place = float
"""Where a value lies on the line of its dimension, 0 to 1; of a choice, the number of the value."""

WIDENED = 0.1
"""Of the whole line, added at either end of the part where the best trials lie: the optimum may lie just outside."""


def draw(dimension: Dimension, part: tuple[Place, ...], rng: np.random.Generator) -> Place:
    """Draws a place.

    Args:
        dimension: what varies.
        part: of a range, the two ends of the part of its line; of a choice, the numbers of the values that may be drawn.
        rng: the source of randomness.
    """
    if isinstance(dimension, Choice):
        return part[int(rng.integers(len(part)))]
    low, high = part
    return float(rng.uniform(low, high))


def whole(dimension: Dimension) -> tuple[Place, ...]:
    """All of a dimension, as `draw` takes it."""
    return tuple(range(len(dimension.values))) if isinstance(dimension, Choice) else (0.0, 1.0)


def narrowed(dimension: Dimension, best: Sequence[Place]) -> tuple[Place, ...]:
    """The part of a dimension where the best trials lie, as `draw` takes it.

    >>> narrowed(Uniform(kind="uniform", low=0.0, high=1.0), [0.5, 0.65])
    (0.4, 0.75)
    """
    if isinstance(dimension, Choice):
        return tuple(sorted(set(best)))
    return max(min(best) - WIDENED, 0.0), min(max(best) + WIDENED, 1.0)


def value_at(dimension: Dimension, place: Place) -> Value:
    """The value of params.yaml at a place, to four digits, so that it can be read and written again.

    >>> value_at(LogUniform(kind="log_uniform", low=0.0001, high=0.1), 1 / 3)
    0.001
    >>> value_at(Symmetric(kind="symmetric", low=0.0, high=20.0), 0.5)
    (-10.0, 10.0)
    """
    match dimension:
        case Choice():
            return dimension.values[int(place)]
        case Uniform():
            return _rounded(_between(dimension.low, dimension.high, place))
        case LogUniform():
            return _rounded(math.exp(_between(math.log(dimension.low), math.log(dimension.high), place)))
        case OneMinusLogUniform():
            far, near = math.log(1 - dimension.low), math.log(1 - dimension.high)
            return 1 - _rounded(math.exp(_between(far, near, place)))
        case Symmetric():
            end = _rounded(_between(dimension.low, dimension.high, place))
            return -end, end
        case Integer():
            return round(math.exp(_between(math.log(dimension.low), math.log(dimension.high), place)))


def setting(values: Mapping[str, Value]) -> list[str]:
    """Arguments that set these keys of params.yaml in `dvc exp run`.

    >>> setting({"model.network.filters": (8, 16), "model.head": "softmax"})
    ['-S', 'model.network.filters=[8, 16]', '-S', 'model.head="softmax"']
    """
    return [argument for key, value in values.items() for argument in ("-S", f"{key}={json.dumps(value)}")]


def _between(low: float, high: float, place: Place) -> float:
    return low + place * (high - low)


def _rounded(number: float) -> float:
    return float(f"{number:.4g}")
