"""Gaussian noise, and salt and pepper, from banks of random numbers that are drawn once.

To draw anew for each image, with a generator of its own, would take longer than to warp it. So an image gets a piece of a bank,
from a place that was drawn for it; two images share a sequence of numbers only where their places lie close together.
"""

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from dataprep.augment.drawn_parameters import Drawn
from dataprep.core.rng import rng_for
from dataprep.decode.image import Pixels

_LEAST = 2**20  # numbers in a bank
_MOST = 2**23  # 32 MiB, for images of any usual size
_PIECES = 8  # that a bank holds beside one another, as long as it is no larger
_AT_ONCE = 2**16  # numbers that stay in the processor's cache


def add_noise(images: Pixels, drawn: Drawn) -> None:
    """Adds Gaussian noise of a standard deviation in gray levels, rounded and cut at 0 and 255; in place."""
    count = math.prod(images.shape[1:])
    bank = _gaussian(_bank_length(count))
    flat = images.reshape(len(images), count)
    rows = np.flatnonzero(drawn.happens)
    starts = _starts(drawn, bank, count)
    stds = drawn.values["std"].astype(np.float32)
    if count * 2 > _AT_ONCE:
        piece = np.empty((1, count), dtype=np.float32)
        for row in rows.tolist():
            np.multiply(bank[starts[row] : starts[row] + count], stds[row], out=piece[0])
            cv2.add(flat[row : row + 1], piece, flat[row : row + 1], dtype=cv2.CV_8U)
        return
    pieces = np.lib.stride_tricks.sliding_window_view(bank, count)
    for first in range(0, len(rows), _AT_ONCE // count):
        some = rows[first : first + _AT_ONCE // count]
        values = pieces[starts[some]]
        values *= stds[some, np.newaxis]
        flat[some] = cv2.add(flat[some], values, dtype=cv2.CV_8U)


def add_salt_and_pepper(images: Pixels, drawn: Drawn) -> None:
    """Makes a fraction of the pixels white or black, all channels of a pixel alike; in place."""
    _, height, width, _ = images.shape
    bank = _even(_bank_length(height * width))
    starts = _starts(drawn, bank, height * width)
    for row, values in drawn.rows():
        chance = bank[starts[row] : starts[row] + height * width].reshape(height, width)
        images[row][chance < values["fraction"] / 2] = 255
        images[row][chance >= 1 - values["fraction"] / 2] = 0


def _starts(drawn: Drawn, bank: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    return (drawn.values["offset"] * (len(bank) - count + 1)).astype(np.int64)


def _bank_length(count: int) -> int:
    return max(_LEAST, min(_MOST, _power_of_two(_PIECES * count)), _power_of_two(count))


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()


@cache
def _gaussian(length: int) -> NDArray[np.float32]:
    return rng_for(0, "bank of gaussian noise").standard_normal(length, dtype=np.float32)


@cache
def _even(length: int) -> NDArray[np.float32]:
    return rng_for(0, "bank of even noise").random(length, dtype=np.float32)
