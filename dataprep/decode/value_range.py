"""Which values of files with more than 8 bits become black and white.

A camera may write 12 bits into 16, a thermal camera values of 7,000 to 9,000. Divided by 256, 17 gray levels are left, or nine.
One range is found for all images of a type in the data set, not one for each image, so that brightness keeps its meaning.

    values 7,012 to 8,950 in the data set  ->  range 6,976 to 9,023, rounded outwards  ->  7,012 becomes 4, 8,950 becomes 246
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.config.decode import DecodeConfig, Decoding
from dataprep.core.errors import ParamsError
from dataprep.decode.deep_samples import WIDENED, Range, Samples, Values, type_range

Levels: TypeAlias = Mapping[str, Range]
"""By sample type, the value that becomes 0 and the one that becomes 255."""

IGNORED = 0.001
"""Fraction of the values of an image, and of the images, that cannot widen the range, such as hot pixels or an odd file."""

FEW = 32
"""Ingest warns if images keep fewer of the 256 levels than this, though their files have more."""

_STEPS = 5
"""The range is rounded outwards to 1/32 to 1/16 of its width, so that a new image seldom changes it."""

MEASURED: dict[str, pl.DataType] = {
    "sample_type": pl.String(),
    "stated_low": pl.Float64(),
    "stated_high": pl.Float64(),
    "lowest": pl.Float64(),
    "highest": pl.Float64(),
    "num_values": pl.Int64(),
}
"""Columns about the values of an image with more than 8 bits, before scaling; null for others."""

SCALED: dict[str, pl.DataType] = {
    "black_level": pl.Float64(),
    "white_level": pl.Float64(),
    "num_levels": pl.Int32(),
    "num_clipped": pl.Int64(),
}
"""Columns about the scaling of such an image."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The values of an image with more than 8 bits; see `MEASURED`."""

    sample_type: str
    stated: Range | None
    lowest: float
    highest: float
    num_values: int


def measure_extent(samples: Samples) -> Extent | None:
    """Measures the values of an image: the lowest and highest without the fraction `IGNORED`, and the number of different ones.

    Returns:
        None where no pixel is both visible and a number.
    """
    values = samples.visible()
    if not values.size:
        return None
    different, counts = _counted(values)
    reached = np.cumsum(counts)
    ignored = int(IGNORED * values.size)
    lowest = different[np.searchsorted(reached, ignored, side="right")]
    highest = different[np.searchsorted(reached, values.size - ignored)]
    depth = samples.depth
    return Extent(depth.sample_type, depth.stated, float(lowest), float(highest), len(different))


def find_levels(measured: pl.DataFrame, config: DecodeConfig) -> dict[str, Range]:
    """Finds the range of each type of samples in the data set.

    Args:
        measured: columns `MEASURED`, of all images of the data set with more than 8 bits.
        config: the section.
    """
    levels = {}
    for (sample_type,), rows in sorted(measured.group_by("sample_type")):
        name, ignored = str(sample_type), int(IGNORED * rows.height)
        lowest, highest = rows["lowest"].sort(), rows["highest"].sort(descending=True)
        silent = rows["stated_low"].null_count() > 0
        stated = None if silent else (_number(rows["stated_low"].min()), _number(rows["stated_high"].max()))
        extent = Extent(name, stated, float(lowest[ignored]), float(highest[ignored]), 0)
        found = range_of(extent, config)
        if found is not None:
            levels[name] = found
    return levels


def check_levels(levels: Levels, sample_types: pl.Series, config: DecodeConfig, *, max_fraction: float) -> None:
    """Refuses levels that leave too many images without a range; fewer are quarantined, each with what `lacking_width` says.

    Args:
        levels: the ranges that were found.
        sample_types: of all images that were read; null for those of 8 bits.
        config: the section.
        max_fraction: of the images that may be left out.

    Raises:
        ParamsError: black does not lie below white for the types of more images than that.
    """
    lacking = {name: words for name, limits in levels.items() if (words := lacking_width(name, limits, config))}
    num_lacking = sample_types.is_in(list(lacking)).sum()
    if num_lacking > max_fraction * len(sample_types):
        raise ParamsError(f"params.yaml: {next(iter(lacking.values()))}")


def lacking_width(sample_type: str, limits: Range, config: DecodeConfig) -> str | None:
    """Says what is wrong with a range whose black does not lie below its white; None for any other."""
    black, white = limits
    if black < white:
        return None
    return (
        f"ingest.decode.black_level must lie below white_level; for images of {sample_type} they are {format_level(black)} "
        f"({config.black_level}) and {format_level(white)} ({config.white_level}). Set both to values, or to auto"
    )


def out_of_date(seen: pl.DataFrame, levels: Levels) -> pl.DataFrame:
    """The rows of images that were decoded with another range than that of their type; columns `MEASURED` and `SCALED`."""
    return seen.filter(
        pl.any_horizontal(
            pl.lit(value=False),
            *(
                (pl.col("sample_type") == name) & ((pl.col("black_level") != black) | (pl.col("white_level") != white))
                for name, (black, white) in levels.items()
            ),
        )
    )


def range_of(extent: Extent, config: DecodeConfig) -> Range | None:
    """The range for the values of one image or of a data set; None where `full` is asked for and none is stated.

    `full` is the range that the file states, if its values lie within, else that of its type. By the PNG standard, sBIT may
    also mean that the values were scaled up to 16 bits; then they exceed the stated range.
    """
    whole = type_range(extent.sample_type)
    stated = extent.stated
    if stated and whole and not (stated[0] <= extent.lowest and extent.highest <= stated[1]):
        stated = None
    full = stated or whole
    if full and extent.sample_type == WIDENED:  # an 8-bit picture keeps its levels
        extent = replace(extent, lowest=full[0], highest=full[1])
    if full is None and "full" in (config.black_level, config.white_level):
        return None
    black, white = _rounded_outwards(extent, full)
    if config.black_level != "auto":
        black = full[0] if full and config.black_level == "full" else float(config.black_level)
    if config.white_level != "auto":
        white = full[1] if full and config.white_level == "full" else float(config.white_level)
    return float(black), float(white)


def with_levels(config: DecodeConfig, levels: Levels) -> Decoding:
    """The section together with the ranges that were found."""
    own = {name: getattr(config, name) for name in DecodeConfig.model_fields}
    return Decoding(**own, levels={name: levels[name] for name in sorted(levels)})


def levels_of(images: pl.DataFrame) -> dict[str, Range]:
    """The ranges with which rows of the manifest were decoded."""
    known = images.select("sample_type", "black_level", "white_level").drop_nulls().unique().sort("sample_type")
    return {name: (black, white) for name, black, white in known.rows()}


def describe_levels(images: pl.DataFrame, known: pl.DataFrame, config: DecodeConfig) -> list[str]:
    """Describes in one line for each sample type its range and the levels that are used, and warns if these are few.

    Args:
        images: usable rows of the manifest.
        known: columns `SCALED` and the type, from the last run.
        config: the section.
    """
    lines = []
    for (name,), rows in sorted(images.drop_nulls("sample_type").group_by("sample_type")):
        (black, white), *_ = rows.select("black_level", "white_level").rows()
        before = known.filter(pl.col("sample_type") == name).select("black_level", "white_level").drop_nulls().unique().rows()
        if len(before) == 1 and before[0] != (black, white):
            lines.append(
                f"ingest: the range of {name} changed from {_said_range(*before[0])} to {_said_range(black, white)}, so the "
                f"pixels of all {rows.height:,} such images change"
            )
        kept, stored = _median(rows["num_levels"]), _median(rows["num_values"].clip(upper_bound=256))
        line = (
            f"ingest: {rows.height:,} images of {name}: {format_level(black)} becomes 0 and {format_level(white)} becomes 255; "
            f"the median image uses {kept:,.0f} of 256 levels"
        )
        if clipped := int(rows["num_clipped"].sum()):
            num_cut = rows.filter(pl.col("num_clipped") > 0).height
            line += f"; values outside, which are clipped: {clipped:,}, in {num_cut:,} of the images"
        lines.append(line)
        if kept < FEW and stored >= 2 * kept:
            lines.append(_warning(str(name), kept, (black, white), config))
    return lines


def _warning(name: str, kept: float, levels: Range, config: DecodeConfig) -> str:
    fix = "Set both to auto, or to the values that should become black and white"
    if config.black_level == config.white_level == "auto":
        fix = "A few values far from all others make it so wide: set both to the values that should become black and white"
    return (
        f"warning: images of {name} keep only {kept:,.0f} of 256 gray levels (median), since ingest.decode.black_level "
        f"({config.black_level}) and white_level ({config.white_level}) make the range {_said_range(*levels)}. {fix}"
    )


def _said_range(black: float, white: float) -> str:
    return f"{format_level(black)} to {format_level(white)}"


def _median(column: pl.Series) -> float:
    return _number(column.median())


def format_level(level: float) -> str:
    """A level as text.

    >>> format_level(4095.0), format_level(0.25)
    ('4,095', '0.25')
    """
    return f"{level:,.0f}" if level == int(level) else f"{level:g}"


def _counted(values: Values) -> tuple[Values, NDArray[np.int64]]:
    """The different values of (N,), ascending, and how often each occurs."""
    if values.dtype == np.uint16:
        counts = np.bincount(values, minlength=1)
        present = np.flatnonzero(counts)
        return present, counts[present]
    different, counts = np.unique(values, return_counts=True)
    return different, counts


def _rounded_outwards(extent: Extent, full: Range | None) -> Range:
    low, high = extent.lowest, extent.highest
    if full:
        low, high = (min(max(level, full[0]), full[1]) for level in (low, high))
    if not low < high:
        return low, low + 1
    whole_numbers = type_range(extent.sample_type) is not None
    step = 2.0 ** (math.ceil(math.log2(high - low)) - _STEPS)
    if whole_numbers:  # the last value of a step is white, so that 4,095 and not 4,096 is the end of 12 bits
        step = max(step, 1.0)
        high += 1
    black, white = math.floor(low / step) * step, math.ceil(high / step) * step - whole_numbers
    return (max(black, full[0]), min(white, full[1])) if full else (black, white)


def _number(value: object) -> float:
    return float(str(value))
