"""What a sample of a raw folder looks like: sizes, colors, and whether it is ink on paper. Some hundred files are decoded."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.config.decode import Decoding
from dataprep.config.execute import ExecuteConfig
from dataprep.config.ingest import LimitsConfig
from dataprep.decode.deep_samples import Samples
from dataprep.decode.image import Pixels, Undecodable, load, own_range, to_gray
from dataprep.decode.to_8_bits import to_uint8
from dataprep.decode.value_range import measure_extent
from dataprep.execute.executor import run_guarded
from dataprep.source.raw_folder import Source, read_file

SAMPLE = 256
_MOST_BYTES = 2**26
_FILES_PER_TASK = 16
_SIDE_PX = 256  # larger images are thinned before they are measured

_NEAR, _FAR = 32, 72
"""Gray levels from that of the border: nearer is paper, farther is ink."""

_UNEXPLAINED = 0.25
"""Share of the border's variance that a plane of light may leave."""

_DEVIATION = 1.4826
"""Of a normal distribution: standard deviation by median absolute deviation. The edges of strokes hardly move the median."""

LOOKS: dict[str, pl.DataType] = {
    "width": pl.Int32(),
    "height": pl.Int32(),
    "colored": pl.Float32(),  # mean difference between the strongest and the weakest channel, gray levels
    "background": pl.Float32(),  # median gray level of the border
    "border_spread": pl.Float32(),  # gray levels, half of what lies between its 5th and 95th percentile, without `light_fall`
    "light_fall": pl.Float32(),  # gray levels between the lightest and the darkest corner of the plane of light; 0 = none
    "paper_fraction": pl.Float32(),  # of the pixels, near the background
    "paper_noise": pl.Float32(),  # robust standard deviation of these, gray levels
    "ink_fraction": pl.Float32(),  # of the pixels, far from the background
}


@dataclass(frozen=True, slots=True)
class LookTask:
    """Some files of the sample, with how many bytes each has."""

    source: Source
    files: Sequence[tuple[bytes, int]]
    decoding: Decoding
    limits: LimitsConfig


def choose_sample(files: pl.DataFrame) -> pl.DataFrame:
    """Chooses files at even distances; fewer where they are large.

    Args:
        files: columns path and bytes, sorted by path.
    """
    sample = files.gather_every(max(1, -(-files.height // SAMPLE)))
    return sample.gather_every(max(1, -(-int(sample["bytes"].sum()) // _MOST_BYTES)))


def look_at_sample(
    files: pl.DataFrame, *, source: Source, decoding: Decoding, limits: LimitsConfig, execute: ExecuteConfig
) -> pl.DataFrame:
    """Decodes the files of a sample in worker processes; what cannot be decoded gives no row.

    Args:
        files: from `choose_sample`.
        source: the raw folder.
        decoding: how to decode; images of more than 8 bits are scaled by their own range.
        limits: what one file may cost.
        execute: where to run.

    Returns:
        Columns of `LOOKS`.
    """
    rows = [(path, size) for path, size in files.select("path", "bytes").rows() if size <= limits.max_bytes]
    tasks = [
        LookTask(source, rows[start : start + _FILES_PER_TASK], decoding, limits)
        for start in range(0, len(rows), _FILES_PER_TASK)
    ]
    looks = run_guarded(look_at_files, tasks, execute, memory_mib=limits.memory_mib, divide=_one_by_one, give_up=_nothing)
    return pl.concat([pl.DataFrame(schema=LOOKS), *looks])


def look_at_files(task: LookTask) -> pl.DataFrame:
    """Looks at the files of one task, in this process."""
    looks = []
    for path, size in task.files:
        try:
            image = _pixels(load(read_file(task.source, path, size), task.decoding).image, task.decoding)
        except (Undecodable, OSError):
            continue
        looks.append(measure_look(image))
    return pl.DataFrame(looks, schema=LOOKS)


def measure_look(image: Pixels) -> dict[str, float]:
    """Measures one image (H, W, C) uint8; keys of `LOOKS`."""
    height, width, channels = image.shape
    thinned = image[:: -(-height // _SIDE_PX), :: -(-width // _SIDE_PX)]
    colored = float(np.ptp(thinned, axis=2).mean()) if channels > 1 else 0.0
    flat, light_fall = _without_light_fall(to_gray(thinned)[:, :, 0].astype(np.float32))
    border = _border(flat)
    background = float(np.median(border))
    low, high = np.percentile(border, [5, 95])
    distance = np.abs(flat - background)
    paper = distance[distance < _NEAR]
    return {
        "width": width,
        "height": height,
        "colored": colored,
        "background": background,
        "border_spread": float(high - low) / 2,
        "light_fall": light_fall,
        "paper_fraction": paper.size / flat.size,
        "paper_noise": _DEVIATION * float(np.median(paper)) if paper.size else 0.0,
        "ink_fraction": float((distance > _FAR).mean()),
    }


def _pixels(image: Pixels | Samples, decoding: Decoding) -> Pixels:
    if not isinstance(image, Samples):
        return image
    extent = measure_extent(image)
    if extent is None:
        raise Undecodable("constant", "no pixel is both visible and a number")
    return to_uint8(image, own_range(extent, decoding), decoding.background)


def _without_light_fall(gray: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Takes away the plane of light that falls on paper from one side, where the border shows one.

    Args:
        gray: (H, W).

    Returns:
        The image with the median of its border all over the paper, and how far the light falls from corner to corner; the
        image as it is and 0 where a plane explains less than three quarters of the border's variance.
    """
    axes = np.indices(gray.shape).astype(np.float32)
    rows, columns = axes[0], axes[1]
    border = _border(gray)
    places = np.stack([_border(rows), _border(columns), np.ones_like(border)], axis=1)
    slopes, *_ = np.linalg.lstsq(places, border, rcond=None)
    left = border - places @ slopes
    if left.var() > _UNEXPLAINED * border.var():
        return gray, 0.0
    plane = slopes[0] * rows + slopes[1] * columns + slopes[2]
    return gray - plane + np.median(border), float(np.ptp(plane))


def _border(gray: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])


def _one_by_one(task: LookTask) -> list[LookTask]:
    return [LookTask(task.source, [file], task.decoding, task.limits) for file in task.files]


def _nothing(_: LookTask) -> pl.DataFrame:
    return pl.DataFrame(schema=LOOKS)
