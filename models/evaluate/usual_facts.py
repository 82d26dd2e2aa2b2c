"""What an image looks like in figures, the range of these figures over the train images, and in words how one lies outside."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.store.manifest import read_manifest
from models.evaluate.image_facts import FIGURES

Numbers = NDArray[np.float64]

SIZES = ("width", "height", "aspect")
"""Of a file, upright: pixels, pixels, width / height."""

NAMES = (*FIGURES, *SIZES)
"""What is measured of a prepared image, and what its file says."""

QUANTILES = 1001
"""Of each figure over the train images: 0%, 0.1% ... 100%."""

LOOSENESS = (-0.01, -0.005, -0.002, -0.001, -0.0005, 0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""How wide a range may be, the narrowest first: without this part of train images at each end, or so much wider than all."""

_RARE = 10
"""Place of the quantile, from each end, beyond which a figure is named: 1% and 99%."""

_LEAST_FACTOR = {"width": 2.0, "height": 2.0, "aspect": 1.1}
"""A file that differs less from the train images than by this factor is usual: scaling it hardly changes what is seen."""

_NOTHING = {"brightness": 2.0, "contrast": 2.0, "sharpness": 0.05, "ink_fraction": 0.002, "stroke_width": 0.05} | dict.fromkeys(
    ("brightest", "darkest"), 4.0
)
"""An image that differs less than this from the median of the train images is usual, though all of them may be equal."""

_WORDS = {
    "brightness": ("darker than", "brighter than"),
    "contrast": ("less contrast than", "more contrast than"),
    "sharpness": ("more blurred than", "sharper than"),
    "ink_fraction": ("less ink than", "more ink than"),
    "stroke_width": ("strokes thinner than", "strokes thicker than"),
    "brightest": ("brightest places darker than", "brightest places brighter than"),
    "darkest": ("darkest places darker than", "darkest places brighter than"),
    "width": ("narrower than", "wider than"),
    "height": ("lower than", "higher than"),
    "aspect": ("taller in proportion than", "wider in proportion than"),
}


@dataclass(frozen=True, slots=True)
class UsualFacts:
    """The range of each figure.

    Attributes:
        quantiles: (F, QUANTILES) over the train images; nan where none has the figure.
        low: (F,) below this an image is unusual.
        high: (F,) above this.
    """

    quantiles: Numbers
    low: Numbers
    high: Numbers

    def outside(self, figures: Numbers) -> NDArray[np.bool_]:
        """Which of N images (N, F) lie outside in any figure; a figure that is missing (nan) lies inside."""
        outside: NDArray[np.bool_] = (figures < self.low) | (figures > self.high)
        return np.asarray(outside.any(axis=1))

    def words(self, figures: Numbers) -> list[str]:
        """In what an image (F,) that is called unlike differs from 99% of the train images, the figures in their order.

        That may be more than lies outside: it explains an alarm, and raises none. It is nothing where only the network sees it.
        """
        low = np.fmax(self.low, self.quantiles[:, _RARE])
        high = np.fmin(self.high, self.quantiles[:, -1 - _RARE])
        found = []
        for place, name in enumerate(NAMES):
            figure, quantiles = figures[place], self.quantiles[place]
            usual = name in _LEAST_FACTOR and self.low[place] <= figure <= self.high[place]
            side = None if usual else 0 if figure < low[place] else 1 if figure > high[place] else None
            if side is not None:
                found.append(f"{_WORDS[name][side]} {_share(quantiles, figure, side)}")
        return found


def figures_of_files(heights: Numbers, widths: Numbers) -> Numbers:
    """The figures of N files by their height and width in pixels: (N, 3), in the order of `SIZES`."""
    return np.stack([widths, heights, widths / heights], axis=1)


def read_sizes(manifest: Path) -> pl.DataFrame:
    """The columns of the manifest that `sizes_of_files` reads."""
    return read_manifest(manifest, ["id", "width", "height"])


def sizes_of_files(ids: list[str], manifest: pl.DataFrame) -> Numbers:
    """The figures of files that stand in the manifest: (N, 3).

    Args:
        ids: of N images.
        manifest: id, width and height are read.
    """
    joined = pl.DataFrame({"id": ids}, schema={"id": pl.String}).join(manifest, on="id", how="left", maintain_order="left")
    heights, widths = (joined[name].cast(pl.Float64).to_numpy() for name in ("height", "width"))
    return figures_of_files(heights, widths)


def quantiles_of(figures: Numbers) -> Numbers:
    """(F, QUANTILES) of the figures (N, F) of train images."""
    steps = np.linspace(0, 1, QUANTILES)
    columns = [own[~np.isnan(own)] for own in figures.T]
    return np.array([np.quantile(own, steps) if len(own) else np.full(QUANTILES, np.nan) for own in columns])


def usual_facts(figures: Numbers, quantiles: Numbers, looseness: float) -> UsualFacts:
    """The range of each figure, as wide as asked for.

    Args:
        figures: (N, F) of train images.
        quantiles: of the same.
        looseness: one of `LOOSENESS`.
    """
    lowest, highest = quantiles[:, 0], quantiles[:, -1]
    if looseness < 0:
        columns = [own[~np.isnan(own)] for own in figures.T]
        ends = [np.quantile(own, [-looseness, 1 + looseness]) if len(own) else (np.nan, np.nan) for own in columns]
        low, high = np.array(ends).T
    else:
        margin = looseness * (highest - lowest)
        low, high = lowest - margin, highest + margin
    for name, nothing in _NOTHING.items():
        place = NAMES.index(name)
        median = quantiles[place, QUANTILES // 2]
        low[place], high[place] = min(low[place], median - nothing), max(high[place], median + nothing)
    for name, factor in _LEAST_FACTOR.items():
        place = NAMES.index(name)
        low[place], high[place] = min(low[place], lowest[place] / factor), max(high[place], highest[place] * factor)
    return UsualFacts(quantiles, low, high)


def _share(quantiles: Numbers, figure: float, side: int) -> str:
    """Of how many training images it is said, rounded down."""
    if figure < quantiles[0] or figure > quantiles[-1]:
        return "every training image"
    reached = np.searchsorted(quantiles, figure, side="right" if side == 0 else "left") / (QUANTILES - 1)
    share = np.floor(1000 * (1 - reached if side == 0 else reached) + 1e-6) / 10
    return f"{max(share, 0.0):g}% of the training images"
