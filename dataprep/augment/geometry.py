"""Flips, zoom, shear, rotation and shift as one matrix and one interpolation for each image."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from dataprep.augment.drawn_parameters import Variation
from dataprep.decode.image import Pixels

GEOMETRIC = ("horizontal_flip", "vertical_flip", "zoom", "shear", "rotation", "shift")


def matrices(variation: Variation, shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Folds what was drawn, in this order, into one matrix for each image; None where nothing geometric is on.

    Args:
        variation: what was drawn for N images.
        shape: (H, W, ...) of one.

    Returns:
        (N, 2, 3) float64, which maps the coordinates (x, y) of pixels to where they go, and (N,) bool, which images move.
    """
    drawn = {name: variation[name] for name in GEOMETRIC if name in variation}
    if not drawn:
        return None
    height, width = shape[:2]
    moved = np.logical_or.reduce([operation.happens for operation in drawn.values()])

    def value(name: str, parameter: str, neutral: float) -> NDArray[np.float64] | float:
        return np.where(drawn[name].happens, drawn[name].values[parameter], neutral) if name in drawn else neutral

    def sign(name: str) -> NDArray[np.float64] | float:
        return np.where(drawn[name].happens, -1.0, 1.0) if name in drawn else 1.0

    turn = value("rotation", "degrees", 0.0) * (math.pi / 180)
    zoom = value("zoom", "factor", 1.0)
    lean = -np.tan(value("shear", "degrees", 0.0) * (math.pi / 180))  # to the right: y points down
    across, along = zoom * np.cos(turn), zoom * np.sin(turn)
    mirror, upend = sign("horizontal_flip"), sign("vertical_flip")
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    folded = np.empty((len(moved), 2, 3))
    folded[:, 0, 0] = across * mirror
    folded[:, 0, 1] = (along + across * lean) * upend
    folded[:, 1, 0] = -along * mirror
    folded[:, 1, 1] = (across - along * lean) * upend
    folded[:, 0, 2] = centre_x - folded[:, 0, 0] * centre_x - folded[:, 0, 1] * centre_y
    folded[:, 1, 2] = centre_y - folded[:, 1, 0] * centre_x - folded[:, 1, 1] * centre_y
    if "shift" in drawn:
        folded[:, 0, 2] += value("shift", "x_fraction", 0.0) * width
        folded[:, 1, 2] += value("shift", "y_fraction", 0.0) * height
    return folded, moved


def warp(images: Pixels, folded: NDArray[np.float64], moved: NDArray[np.bool_], *, fill: int) -> Pixels:
    """Applies matrices to (N, H, W, C) uint8, bilinearly; what they uncover gets the gray level `fill`. Returns new images."""
    _, height, width, num_channels = images.shape
    warped = np.empty_like(images)
    warped[~moved] = images[~moved]
    rows = slice(None) if moved.all() else moved.nonzero()[0]
    # OpenCV makes a new array for one channel, unless it stands there without its last axis.
    targets = warped[..., 0] if num_channels == 1 else warped
    numbers = range(len(images)) if isinstance(rows, slice) else rows.tolist()
    border = (fill,) * 4 if fill else 0
    for row in numbers:
        cv2.warpAffine(images[row], folded[row], (width, height), targets[row], cv2.INTER_LINEAR, cv2.BORDER_CONSTANT, border)
    return warped
