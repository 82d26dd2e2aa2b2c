"""Charts of the report as SVG text, the same bytes for the same numbers."""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, SymmetricalLogLocator
from numpy.typing import NDArray

TRAIN_COLOR, VALIDATION_COLOR, QUIET_COLOR = "#7c8794", "#2f6fde", "#8a939e"

_PLAIN = FuncFormatter(lambda value, _: f"{value:g}")

_STYLE: Any = {  # matplotlib types its hundreds of keys one by one
    "svg.hashsalt": "darkroom",  # or the ids in the file differ from run to run
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 9,
    "axes.edgecolor": QUIET_COLOR,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": QUIET_COLOR,
    "axes.labelcolor": QUIET_COLOR,
    "xtick.color": QUIET_COLOR,
    "ytick.color": QUIET_COLOR,
}


def learning_curves(history: pl.DataFrame, kept_epoch: int) -> str:
    """Draws error and loss over the epochs for train and validation; the epoch that was kept is marked.

    Args:
        history: one row per epoch: epoch, loss, accuracy, val_loss, val_accuracy.
        kept_epoch: the one whose weights were saved.
    """
    with styled():
        figure = Figure(figsize=(6.4, 2.6), layout="constrained")
        error_axes, loss_axes = figure.subplots(1, 2)
        errors = history.with_columns(train=100 * (1 - pl.col("accuracy")), validation=100 * (1 - pl.col("val_accuracy")))
        losses = history.with_columns(train="loss", validation="val_loss")
        _draw(error_axes, errors, "error in %, log scale", kept_epoch)
        _draw(loss_axes, losses, "loss, log scale", kept_epoch)
        error_axes.legend(frameon=False, fontsize=9)
        return as_svg(figure)


@contextmanager
def styled() -> Iterator[None]:
    """The look of all charts, whatever the user's matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def as_svg(figure: Figure) -> str:
    """Writes a figure as SVG, without the date."""
    FigureCanvasSVG(figure)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def svg_address(svg: str) -> str:
    """Encodes SVG text as `data:image/svg+xml;base64,...`."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")


def _draw(axes: Axes, curves: pl.DataFrame, title: str, best_epoch: int) -> None:
    epochs = curves["epoch"].to_numpy()
    for name, color in (("train", TRAIN_COLOR), ("validation", VALIDATION_COLOR)):
        axes.plot(epochs, curves[name].to_numpy(), color=color, label=name, linewidth=1.6, marker="o", markersize=2.5)
    axes.axvline(best_epoch, color=QUIET_COLOR, linewidth=0.8, linestyle=":")
    axes.annotate(
        f"kept: epoch {best_epoch}",
        (best_epoch, 1),
        xycoords=("data", "axes fraction"),
        ha="center",
        va="bottom",
        fontsize=8,
    )
    _scale(axes, curves.select("train", "validation").to_numpy())
    axes.set_title(title, fontsize=10, loc="left", pad=14)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _scale(axes: Axes, values: NDArray[np.float64]) -> None:
    """A log scale; where a value is 0, which has no place on one, the scale is linear below the smallest value above 0."""
    positive = values[np.isfinite(values) & (values > 0)]
    if not positive.size:
        return
    smallest = float(positive.min())
    if (values == 0).any():
        axes.set_yscale("symlog", linthresh=smallest, linscale=0.5)
        axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=smallest))
        axes.yaxis.set_minor_locator(SymmetricalLogLocator(base=10, linthresh=smallest, subs=[2.0, 5.0]))
        axes.set_ylim(bottom=-smallest / 4)  # the line at 0 is not cut
    else:
        axes.set_yscale("log")
        axes.yaxis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
    axes.yaxis.set_major_formatter(_PLAIN)
    axes.yaxis.set_minor_formatter(_PLAIN)
