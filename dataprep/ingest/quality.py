"""What one image looks like in figures, and which images are unusual for their data set.

Measures are exact integer sums until the last formula, so they do not depend on which images are measured together.
An issue is never absolute: a digit is mostly black and a photograph is not. So each measure is compared with the median of
all images, in robust standard deviations (1.4826 times the median absolute deviation). What many images have is not unusual,
however far it is from the median: of portraits among landscapes, only the few farthest images have the issue.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.config.ingest import QualityConfig
from dataprep.decode.image import Pixels, to_gray

MEASURES = ("brightness", "brightest", "darkest", "contrast", "sharpness", "noise", "entropy", "ink_fraction")
"""What describes an image in figures: columns of the manifest.

brightness: mean gray level, 0-255. brightest, darkest: the gray levels that 1% and 95% of the pixels reach. contrast: standard
deviation in gray levels. sharpness: natural logarithm of the mean squared Laplacian over the mean squared gradient, which a
blur lowers and contrast leaves alone. noise: standard deviation in gray levels (J. Immerkaer, Fast Noise Variance Estimation,
1996). entropy: of the gray levels, in bits, 0-8. ink_fraction: pixels on the smaller side of Otsu's threshold, 0-0.5.
"""

MEASURED_PX = 128
"""Larger images are measured on a copy of at most this height and width, so that sharpness compares between sizes."""

UNUSUAL_FRACTION = 0.03
UNUSUAL_IMAGES = 5
"""At most this part of the images has one issue, or this many where that is more."""

_LEVELS = np.arange(256, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Rule:
    """Which measure an issue looks at, on which side, and the least spread that counts as one deviation."""

    measure: pl.Expr
    low: bool
    high: bool
    least: float


def measured_copy(image: Pixels) -> Pixels:
    """The gray copy, (h, w, 1) with h and w at most `MEASURED_PX`, that an image is measured on."""
    height, width, _ = image.shape
    scale = MEASURED_PX / max(height, width)
    if scale < 1:
        smaller = (max(1, round(width * scale)), max(1, round(height * scale)))
        shrunk = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA).reshape(smaller[1], smaller[0], image.shape[2])
        return to_gray(shrunk.astype(np.uint8, copy=False))
    return to_gray(image)


def measure(images: Pixels) -> dict[str, NDArray[np.float64]]:
    """Measures gray images of one shape.

    Args:
        images: (N, H, W, 1) uint8, from `measured_copy`.

    Returns:
        (N,) float64 for each of `MEASURES`, under its name.
    """
    num_images = len(images)
    gray = images[..., 0]
    num_pixels = gray.shape[1] * gray.shape[2]
    offsets = (np.arange(num_images, dtype=np.int64) * 256)[:, np.newaxis, np.newaxis]
    histogram = np.bincount((gray + offsets).ravel(), minlength=num_images * 256).reshape(num_images, 256)  # (N, 256)
    reached = np.cumsum(histogram, axis=1)
    total = (histogram * _LEVELS).sum(axis=1)
    variance = (histogram * _LEVELS**2).sum(axis=1) / num_pixels - (total / num_pixels) ** 2
    share = histogram / num_pixels
    bits = np.where(histogram > 0, -share * np.log2(np.maximum(share, 1e-12)), 0.0)
    return {
        "brightness": total / num_pixels,
        "brightest": (reached >= 0.99 * num_pixels).argmax(axis=1).astype(np.float64),
        "darkest": (reached >= 0.05 * num_pixels).argmax(axis=1).astype(np.float64),
        "contrast": np.sqrt(np.maximum(variance, 0.0)),
        "sharpness": _sharpness(gray),
        "noise": _noise(gray),
        "entropy": bits.sum(axis=1),
        "ink_fraction": _ink_fraction(histogram, reached),
    }


def find_issues(images: pl.DataFrame, config: QualityConfig) -> pl.Series:
    """Says what is unusual about each image.

    Args:
        images: usable rows of the manifest, with width, height and the columns of `MEASURES`.
        config: the threshold of each issue.

    Returns:
        A list of issues for each row, in the order of `ISSUES`.
    """
    most = _most_unusual(images)
    flags = {issue: images.select(_flag(rule, getattr(config, issue), most)).to_series() for issue, rule in _RULES.items()}
    table = pl.DataFrame({issue: flag.fill_null(value=False) for issue, flag in flags.items()})
    named = [pl.when(pl.col(issue)).then(pl.lit(issue)) for issue in ISSUES]
    return table.select(pl.concat_list(named).list.drop_nulls().alias("issues")).to_series()


def common_issues(images: pl.DataFrame, config: QualityConfig) -> list[str]:
    """One line for each issue whose threshold too many images pass for it to be unusual; arguments as of `find_issues`."""
    most = _most_unusual(images)
    lines = []
    for issue, rule in _RULES.items():
        threshold = getattr(config, issue)
        beyond, listed = (images.select(_flag(rule, threshold, limit).sum()).item() for limit in (images.height, most))
        if beyond > listed:
            lines.append(
                f"{issue}: {beyond:,} of {images.height:,} images lie beyond ingest.quality.{issue} = {threshold:g}, too many "
                f"to be unusual; {f'only the {listed:,} farthest have' if listed else 'none has'} the issue"
            )
    return lines


def _most_unusual(images: pl.DataFrame) -> int:
    return max(int(UNUSUAL_FRACTION * images.height), UNUSUAL_IMAGES)


def _flag(rule: _Rule, threshold: float, most: int) -> pl.Expr:
    """Whether an image lies beyond the threshold, and farther than all but the `most` farthest images."""
    centre = rule.measure.median()
    spread = pl.max_horizontal(1.4826 * (rule.measure - centre).abs().median(), pl.lit(rule.least))
    deviations = (rule.measure - centre) / spread
    distance = deviations.abs() if rule.low and rule.high else -deviations if rule.low else deviations
    usual = pl.when(distance.len() > most).then(distance.top_k(most + 1).min()).otherwise(0.0)
    return (distance > pl.max_horizontal(usual, pl.lit(threshold))).alias("flag")


def _sharpness(gray: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, H, W) -> (N,); 0 where an image is too small to have an inner pixel."""
    if min(gray.shape[1:]) < 3:
        return np.zeros(len(gray))
    wide = gray.astype(np.int32)
    inner = wide[:, 1:-1, 1:-1]
    laplacian = wide[:, :-2, 1:-1] + wide[:, 2:, 1:-1] + wide[:, 1:-1, :-2] + wide[:, 1:-1, 2:] - 4 * inner
    gradient = _mean_square(np.diff(wide, axis=1)) + _mean_square(np.diff(wide, axis=2))
    sharpness: NDArray[np.float64] = np.log((_mean_square(laplacian) + 0.1) / (gradient + 1.0))
    return sharpness


def _mean_square(values: NDArray[np.int32]) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = (values**2).sum(axis=(1, 2), dtype=np.int64) / values[0].size
    return mean


def _noise(gray: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, H, W) -> (N,): the mean absolute response to the difference of two Laplacians, scaled to a standard deviation."""
    if min(gray.shape[1:]) < 3:
        return np.zeros(len(gray))
    response = np.diff(np.diff(gray.astype(np.int16), n=2, axis=1), n=2, axis=2)
    mean: NDArray[np.float64] = np.abs(response).sum(axis=(1, 2), dtype=np.int64) / response[0].size
    return mean * float(np.sqrt(np.pi / 2) / 6)


def _ink_fraction(histogram: NDArray[np.int64], reached: NDArray[np.int64]) -> NDArray[np.float64]:
    """Otsu's threshold for each of N histograms, (N, 256), and the fraction of pixels on its smaller side."""
    num_pixels = reached[:, -1:]
    weighted = np.cumsum(histogram * _LEVELS, axis=1)
    above = num_pixels - reached
    both = (reached > 0) & (above > 0)
    distance = weighted[:, -1:] * reached - weighted * num_pixels  # of the two means, times both counts
    between = np.where(both, distance.astype(np.float64) ** 2 / np.maximum(reached * above, 1), 0.0)
    below = np.take_along_axis(reached, between.argmax(axis=1)[:, np.newaxis], axis=1)[:, 0] / num_pixels[:, 0]
    return np.minimum(below, 1 - below)


_PIXELS = (pl.col("width").cast(pl.Float64) * pl.col("height")).log()

_RULES: dict[str, _Rule] = {  # by issue
    "dark": _Rule(pl.col("brightest"), low=True, high=False, least=36.0),
    "bright": _Rule(pl.col("darkest"), low=False, high=True, least=16.0),
    "low_contrast": _Rule((pl.col("contrast") + 1).log(), low=True, high=False, least=0.1),
    "blurred": _Rule(pl.col("sharpness"), low=True, high=False, least=0.2),
    "noisy": _Rule((pl.col("noise") + 1).log(), low=False, high=True, least=0.2),
    "low_information": _Rule(pl.col("entropy"), low=True, high=False, least=0.2),
    "odd_ink": _Rule(pl.col("ink_fraction"), low=True, high=True, least=0.02),
    "odd_aspect": _Rule((pl.col("width") / pl.col("height")).log(), low=True, high=True, least=0.05),
    "odd_pixel_count": _Rule(_PIXELS, low=True, high=True, least=0.2),
}
ISSUES = tuple(_RULES)
