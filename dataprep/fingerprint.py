"""What a picture shows, in few numbers: the same for a re-encoded, resized or brightened copy, near by for a cropped one.

A fingerprint holds the low frequencies of the gray picture, its 16 x 16 first coefficients of the discrete cosine transform
at 32 x 32 pixels, and a coarse map of its colors. The perceptual hash is the signs of the lowest of these coefficients
(C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010; there compared with their median).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from dataprep.image import Pixels, to_gray

SIDE = 32
KEPT = 16
HASHED = 8
COLOR_SIDE = 4
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


def fingerprint(image: Pixels) -> NDArray[np.float16]:
    """Fingerprints one image.

    Args:
        image: (H, W, C) uint8.

    Returns:
        (LENGTH,) float16: KEPT x KEPT coefficients of gray, then COLOR_SIDE x COLOR_SIDE means of blue and red difference
        (YCbCr) in gray levels.
    """
    small = _shrink(image, SIDE)
    gray = to_gray(small)[..., 0].astype(np.float32)
    coefficients = _TRANSFORM @ gray @ _TRANSFORM.T
    colors = np.zeros(COLORS, dtype=np.float32)
    if image.shape[2] == 3:
        difference = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb)[..., 1:].astype(np.float32) - 128
        colors[:] = cv2.resize(difference, (COLOR_SIDE, COLOR_SIDE), interpolation=cv2.INTER_AREA).ravel()
    return np.concatenate([coefficients.ravel(), colors]).astype(np.float16)


def low_frequencies(coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Takes the HASH_BITS lowest coefficients without the mean: (N, K, K) -> (N, HASH_BITS)."""
    return coefficients[:, :HASHED, :HASHED].reshape(-1, HASHED * HASHED)[:, 1:]


def perceptual_hashes(values: NDArray[np.float32]) -> NDArray[np.uint64]:
    """One bit for the sign of each of the low frequencies: (..., HASH_BITS) -> (...) uint64."""
    places = np.arange(HASH_BITS, dtype=np.uint64)
    hashes: NDArray[np.uint64] = ((values > 0).astype(np.uint64) << places).sum(axis=-1, dtype=np.uint64)
    return hashes


def _shrink(image: Pixels, side: int) -> Pixels:
    height, width, channels = image.shape
    interpolation = cv2.INTER_AREA if min(height, width) >= side else cv2.INTER_LINEAR
    return (
        cv2.resize(image, (side, side), interpolation=interpolation).reshape(side, side, channels).astype(np.uint8, copy=False)
    )
