"""From samples of more than 8 bits and the range of their type to 8-bit pixels."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from dataprep.decode.deep_samples import WIDENED, Range, Samples, Values

_LARGEST_PRODUCT = 2**63
_AT_ONCE = 2**20  # values; 64-bit numbers take eight times the memory of the pixels


def to_uint8(samples: Samples, levels: Range, background: int) -> NDArray[np.uint8]:
    """Scales samples linearly to (H, W, C) uint8, rounded; values outside the range are clipped, and NaN becomes black.

    Args:
        samples: the values.
        levels: what becomes 0 and what becomes 255.
        background: gray level behind transparent pixels.
    """
    values = samples.values
    pixels = np.empty(values.shape, dtype=np.uint8)
    rows_at_once = max(1, _AT_ONCE // values[0].size)
    for start in range(0, len(values), rows_at_once):
        rows = slice(start, start + rows_at_once)
        scaled = _scaled(values[rows], *levels)
        if samples.depth.white_is_zero:
            scaled = 255 - scaled
            scaled[np.isnan(values[rows])] = 0
        if samples.alpha is not None:
            alpha = samples.alpha[rows]
            scaled = np.floor(scaled * alpha + background * (1 - alpha) + np.float32(0.5)).astype(np.uint8)
        pixels[rows] = scaled
    return pixels


def count_clipped(samples: Samples, levels: Range) -> int:
    """Counts the visible values outside a range, and NaN."""
    values = samples.visible()
    num_inside = np.count_nonzero((values >= levels[0]) & (values <= levels[1]))
    num_visible = samples.values.size
    if samples.alpha is not None:
        num_visible = np.count_nonzero(samples.alpha) * samples.values.shape[2]
    return int(num_visible - num_inside)


def digest_samples(samples: Samples) -> str:
    """128-bit BLAKE2b, in hex, of values as they are stored, whatever their range.

    Gray that is stored as RGB counts as gray.
    """
    values = samples.values
    if values.shape[2] > 1 and (values == values[:, :, :1]).all():
        values = values[:, :, :1]
    if samples.depth.sample_type == WIDENED and samples.alpha is None:  # equal to `image.digest_pixels` of the 8-bit picture
        pixels = to_uint8(Samples(samples.depth, values, None), (0, 65535), 0)
        return blake2b(repr(pixels.shape).encode() + pixels.tobytes(), digest_size=16).hexdigest()
    alpha = b"" if samples.alpha is None else samples.alpha.tobytes()
    marks = (samples.depth.sample_type, samples.depth.white_is_zero, values.shape)
    content = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()
    return blake2b(repr(marks).encode() + content + alpha, digest_size=16).hexdigest()


def _scaled(values: Values, black: float, white: float) -> NDArray[np.uint8]:
    is_whole = values.dtype.kind != "f" and float(black).is_integer() and float(white).is_integer()
    if is_whole and max(abs(black), abs(white)) < _LARGEST_PRODUCT / (2 * 256):
        # 32-bit integers where the product fits, since they take half the time.
        wide = np.int32 if values.dtype.itemsize == 2 and abs(black) < 2**20 and abs(white) < 2**20 else np.int64
        span = max(int(white) - int(black), 1)
        inside = np.clip(values.astype(wide), int(black), int(black) + span) - wide(black)
        rounded: NDArray[np.uint8] = ((inside * 255 + span // 2) // span).astype(np.uint8)
        return rounded
    span_of_floats = white - black if black < white else 1.0
    inside_floats = np.clip((np.nan_to_num(values, nan=black) - black) / span_of_floats, 0.0, 1.0)
    nearest: NDArray[np.floating] = np.floor(inside_floats * 255 + 0.5)
    return nearest.astype(np.uint8)
