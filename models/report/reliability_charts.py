"""Charts of calibration and of accuracy under changes, as SVG text."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from models.evaluate.accuracy_by_level import UnderLevel
from models.evaluate.calibration import Calibration
from models.report.charts import QUIET_COLOR, VALIDATION_COLOR, as_svg, styled

_COLUMNS = 4
_ROW_INCHES = 1.75


def calibration_chart(calibration: Calibration) -> str:
    """Draws accuracy against confidence with intervals, and accuracy against the part of the images that is answered."""
    with styled():
        figure = Figure(figsize=(6.4, 2.8), layout="constrained")
        reliability, coverage = figure.subplots(1, 2)
        _reliability(reliability, calibration)
        coverage.plot(
            [100 * one.coverage for one in calibration.coverage],
            [100 * one.accuracy for one in calibration.coverage],
            color=VALIDATION_COLOR,
            marker="o",
            markersize=3,
        )
        coverage.set_title("accuracy in % of the surest images", fontsize=10, loc="left", pad=10)
        coverage.set_xlabel("answered, % of the images")
        coverage.invert_xaxis()
        return as_svg(figure)


def _reliability(axes: Axes, calibration: Calibration) -> None:
    seen = [one for one in calibration.bins if one.images]
    confidence, accuracy = [100 * one.confidence for one in seen], [100 * one.accuracy for one in seen]
    below = [100 * (one.accuracy - one.accuracy_interval[0]) for one in seen]
    above = [100 * (one.accuracy_interval[1] - one.accuracy) for one in seen]
    axes.plot([0, 100], [0, 100], color=QUIET_COLOR, linewidth=0.8, linestyle=":")
    axes.errorbar(confidence, accuracy, yerr=[below, above], color=VALIDATION_COLOR, marker="o", markersize=3, linewidth=1.2)
    axes.set_title("accuracy in %, by confidence", fontsize=10, loc="left", pad=10)
    axes.set_xlabel("confidence in %")
    axes.set_ylim(-2, 102)


def level_charts(levels: Sequence[UnderLevel], unchanged: float) -> str:
    """Draws accuracy over the levels of each operation, with intervals; the dotted line is without any.

    Args:
        levels: at least one.
        unchanged: accuracy on the images as they are.
    """
    operations = list(dict.fromkeys(one.operation for one in levels))
    rows = -(-len(operations) // _COLUMNS)
    with styled():
        figure = Figure(figsize=(10.5, _ROW_INCHES * rows + 0.3), layout="constrained")
        grid = figure.subplots(rows, _COLUMNS, sharey=True, squeeze=False).flat
        for axes, operation in zip(grid, operations, strict=False):
            own = sorted((one for one in levels if one.operation == operation), key=lambda one: one.level)
            accuracy = [100 * one.accuracy for one in own]
            ends = [
                [100 * max(one.accuracy - one.accuracy_interval[0], 0) for one in own],
                [100 * max(one.accuracy_interval[1] - one.accuracy, 0) for one in own],
            ]
            axes.axhline(100 * unchanged, color=QUIET_COLOR, linewidth=0.8, linestyle=":")
            axes.errorbar([one.level for one in own], accuracy, yerr=ends, color=VALIDATION_COLOR, marker="o", markersize=3)
            axes.set_title(operation.replace("_", " "), fontsize=9, loc="left")
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.set_ylim(-2, 102)
        for axes in list(grid)[len(operations) :]:
            axes.set_axis_off()
        return as_svg(figure)
