"""How much of an image is left after prepare: the values that are stored, as a fraction of those that the file holds."""

from dataclasses import dataclass

import polars as pl

from dataprep.config.prepare import PrepareConfig
from dataprep.prepare.transforms import kept_pixels, shape_of

SIZES = ("width", "height", "mode")
"""Columns of the manifest that are read here."""

_GRAY_MODES = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L")


@dataclass(frozen=True, slots=True)
class Detail:
    """The median image, what becomes of it, and the median over all images of stored values / values of the file."""

    num_images: int
    height: int
    width: int
    color: str  # gray | RGB
    stored: str
    fraction: float  # above 1: images are enlarged

    @property
    def sentence(self) -> str:
        """For example "100 x 100 RGB -> 16 x 16 gray: 0.9% of the values"."""
        way = f"{self.height:,} x {self.width:,} {self.color} -> {self.stored}"
        if self.fraction > 1:
            return f"{way}: enlarged, {self.fraction:.1f} values for each one, which adds no detail"
        return f"{way}: {100 * self.fraction:.2g}% of the values" if self.fraction < 1 else f"{way}: all of the values"


def measure_detail(images: pl.DataFrame, config: PrepareConfig) -> Detail:
    """Compares the sizes of images with what is stored of them.

    Args:
        images: usable rows of the manifest, at least one; columns width, height and mode are needed.
        config: what prepare does.
    """
    height, width, channels = shape_of(config)
    heights, widths = (images[side].cast(pl.Float64).to_numpy() for side in ("height", "width"))
    is_gray = pl.col("mode").is_in(_GRAY_MODES)
    own_channels = pl.when(is_gray).then(1).otherwise(3)
    pixels = pl.lit(pl.Series(kept_pixels(heights, widths, config.image_size, config.resize.mode)))
    kept = pixels * pl.min_horizontal(pl.lit(channels), own_channels) / (pl.lit(pl.Series(heights * widths)) * own_channels)
    row = images.select(pl.median("height"), pl.median("width"), is_gray.mean().alias("gray"), kept.median().alias("kept")).row(
        0, named=True
    )
    return Detail(
        num_images=images.height,
        height=round(row["height"]),
        width=round(row["width"]),
        color="gray" if row["gray"] > 0.5 else "RGB",
        stored=f"{height} x {width} {'gray' if channels == 1 else 'RGB'}",
        fraction=row["kept"],
    )


def warn_of_little_detail(detail: Detail, least: float) -> list[str]:
    """One sentence where less than the fraction `least` is stored, else none."""
    if detail.fraction >= least:
        return []
    return [
        f"prepare keeps {detail.sentence} (median of {detail.num_images:,} images), and what the classes differ in may be "
        "lost. Look: darkroom preview prepare. Enlarge prepare.image_size, keep prepare.color rgb where color matters, or "
        "lower prepare.warn_below_fraction"
    ]
