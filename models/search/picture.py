"""Parallel coordinates: one axis for each key that varied, one line for each trial, and its score."""

import math

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.config.search import Choice, Dimension, SearchConfig
from models.report.charts import QUIET_COLOR, as_svg, styled
from models.search.space import Place, value_at
from models.search.study import Tried, ranked

_TICKS = 5


def parallel_coordinates(tried: list[Tried], config: SearchConfig) -> str:
    """Draws the trials that ran to their end as SVG; the better a trial, the darker its line, and the best is red.

    Args:
        tried: trials of a search, at least one that ran to its end.
        config: its space.
    """
    order = ranked(tried, config)
    scores = [own.score for own in order if own.score is not None]
    low, high = min(scores), max(scores)
    with styled():
        figure = Figure(figsize=(max(1.7 * (len(config.space) + 1), 5.0), 3.4), layout="constrained")
        axes = figure.subplots()
        for rank, own in reversed(list(enumerate(order))):
            heights = [_height(config.space[key], place) for key, place in own.places.items()]
            heights.append((scores[rank] - low) / (high - low) if high > low else 0.5)
            goodness = 1 - rank / max(len(order) - 1, 1)
            color = "#c8322b" if rank == 0 else colormaps["Blues"](0.25 + 0.75 * goodness)
            axes.plot(range(len(heights)), heights, color=color, linewidth=2.2 if rank == 0 else 1.1)
        for column, dimension in enumerate(config.space.values()):
            _draw_axis(axes, column, [(_height(dimension, place), _words(dimension, place)) for place in _places(dimension)])
        ends = [(step / (_TICKS - 1), f"{low + (high - low) * step / (_TICKS - 1):.4g}") for step in range(_TICKS)]
        _draw_axis(axes, len(config.space), ends if high > low else [(0.5, f"{low:.4g}")])
        axes.set_xticks(range(len(config.space) + 1), [*map(_broken, config.space), f"validation\n{config.metric}"], fontsize=8)
        axes.set_yticks([])
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.tick_params(length=0)
        axes.set_xlim(-0.15, len(config.space) + 0.5)
        return as_svg(figure)


def _draw_axis(axes: Axes, column: int, ticks: list[tuple[float, str]]) -> None:
    axes.axvline(column, color=QUIET_COLOR, linewidth=0.8, zorder=0)
    for height, words in ticks:
        axes.annotate(words, (column, height), xytext=(3, 0), textcoords="offset points", va="center", fontsize=7, bbox=_PAPER)


_PAPER = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.7}


def _places(dimension: Dimension) -> list[Place]:
    if isinstance(dimension, Choice):
        return list(range(len(dimension.values)))
    return [step / (_TICKS - 1) for step in range(_TICKS)]


def _height(dimension: Dimension, place: Place) -> float:
    return place / (len(dimension.values) - 1) if isinstance(dimension, Choice) else place


def _words(dimension: Dimension, place: Place) -> str:
    value = value_at(dimension, place)
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) if isinstance(dimension, Choice) else f"±{value[1]:.3g}"
    return f"{value:.3g}" if isinstance(value, float) and math.isfinite(value) else str(value)


def _broken(key: str) -> str:
    r"""A key with a line for each of its parts.

    >>> _broken("train.batch_size")
    'train\nbatch_size'
    """
    return key.replace(".", "\n")
