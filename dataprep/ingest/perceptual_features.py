"""A picture in few numbers: the same for a re-encoded, resized or brightened copy, and close for a cropped one.

The features of a picture are its low frequencies in gray, the 16 x 16 first coefficients of the discrete cosine transform
at 32 x 32 pixels, and a coarse map of its colors. The perceptual hash is the signs of the lowest of these coefficients
(C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010; there compared with their median).
"""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from dataprep.decode.image import Pixels

Features: TypeAlias = NDArray[np.float16]
"""(N, LENGTH), one row per picture."""

SIDE = 32
KEPT = 16
HASHED = 8
COLOR_SIDE = 4
LEAST_SIGNED = 0.01
"""Of the length of all low frequencies."""

WIDEST = 3
"""Where one side is longer than this times the other, a picture has no features: lines of text look alike in a square."""

COLORS = 2 * COLOR_SIDE * COLOR_SIDE
LENGTH = KEPT * KEPT + COLORS
HASH_BITS = HASHED * HASHED - 1


def cosine_basis(positions: NDArray[np.float64], num_frequencies: int) -> NDArray[np.float64]:
    """The orthonormal cosines of the DCT over `SIDE` samples, at any positions.

    Args:
        positions: (P,) places along one side of the picture, 0-1.
        num_frequencies: how many, from 0.

    Returns:
        (num_frequencies, P).
    """
    frequencies = np.arange(num_frequencies)[:, np.newaxis]
    basis: NDArray[np.float64] = np.cos(np.pi * frequencies * positions) * np.sqrt(2 / SIDE)
    basis[0] /= np.sqrt(2)
    return basis


def sample_positions() -> NDArray[np.float64]:
    """The centres of `SIDE` samples along one side, 0-1."""
    return (np.arange(SIDE) + 0.5) / SIDE


_TRANSFORM = cosine_basis(sample_positions(), KEPT).astype(np.float32)
_MEANS = np.repeat(np.eye(COLOR_SIDE, dtype=np.float32), SIDE // COLOR_SIDE, axis=1) * np.float32(COLOR_SIDE / SIDE)


def shrunk(image: Pixels) -> Pixels:
    """Shrinks an image (H, W, C) to the (SIDE, SIDE, 3) YCrCb uint8 that its features are computed from."""
    height, width, channels = image.shape
    # Each side by itself: one that shrinks by area, which does not alias; one that grows not, since area shows blocks there.
    small = cv2.resize(image, (min(width, SIDE), min(height, SIDE)), interpolation=cv2.INTER_AREA)
    if min(height, width) < SIDE:
        small = cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    if channels == 1:
        picture = np.full((SIDE, SIDE, 3), 128, dtype=np.uint8)
        picture[..., 0] = small
        return picture
    return cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb).astype(np.uint8, copy=False)


def extract_features(pictures: Pixels) -> Features:
    """Computes the features of N images.

    Args:
        pictures: (N, SIDE, SIDE, 3) uint8, from `shrunk`.

    Returns:
        (N, LENGTH) float16: KEPT x KEPT coefficients of gray, then COLOR_SIDE x COLOR_SIDE means of red and blue difference
        (YCrCb) in gray levels.
    """
    gray, red, blue = (np.ascontiguousarray(pictures[..., plane]).astype(np.float32) for plane in range(3))
    coefficients = _TRANSFORM @ gray @ _TRANSFORM.T
    colors = [_MEANS @ difference @ _MEANS.T - 128 for difference in (red, blue)]
    flat = [values.reshape(len(pictures), -1) for values in (coefficients, *colors)]
    return np.concatenate(flat, axis=1).astype(np.float16)


def low_frequencies(coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Takes the HASH_BITS lowest coefficients without the mean: (N, K, K) -> (N, HASH_BITS)."""
    return coefficients[:, :HASHED, :HASHED].reshape(-1, HASHED * HASHED)[:, 1:]


def perceptual_hashes(values: NDArray[np.float32]) -> NDArray[np.uint64]:
    """One bit for the sign of each of the low frequencies: (..., HASH_BITS) -> (...) uint64.

    A value close to 0 counts as 0: half the frequencies of a symmetric picture are 0, and their sign is noise.
    """
    places = np.arange(HASH_BITS, dtype=np.uint64)
    least = LEAST_SIGNED * np.linalg.norm(values, axis=-1, keepdims=True)
    hashes: NDArray[np.uint64] = ((values > least).astype(np.uint64) << places).sum(axis=-1, dtype=np.uint64)
    return hashes
