"""The first layers: they normalise, so that a saved model takes prepared uint8 images as they stand in the shards."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.config.model import NormaliseConfig

if TYPE_CHECKING:
    import keras


def normalised(
    x: "keras.KerasTensor", config: NormaliseConfig, mean: NDArray[np.float32], divisor: NDArray[np.float32]
) -> "keras.KerasTensor":
    """(N, H, W, C) uint8 in, as many float32 out.

    Args:
        x: images.
        config: the method.
        mean: gray levels to subtract, (1, 1, C) or (H, W, C); as the divisor, for method standard only.
        divisor: gray levels to divide by, of the same shape, never 0.
    """
    return _METHODS[config.method](x, mean, divisor)


def _standardised(x: "keras.KerasTensor", mean: NDArray[np.float32], divisor: NDArray[np.float32]) -> "keras.KerasTensor":
    """(x - mean) / divisor."""
    import keras

    axis: Sequence[int] | int = (1, 2, 3)
    if mean.shape[:2] == (1, 1):
        axis, mean, divisor = -1, mean[0, 0], divisor[0, 0]
    return keras.layers.Normalization(axis=axis, mean=mean, variance=divisor**2, name="normalisation")(x)


def _scaled(x: "keras.KerasTensor", _mean: NDArray[np.float32], _divisor: NDArray[np.float32]) -> "keras.KerasTensor":
    """X / 255."""
    import keras

    return keras.layers.Rescaling(1 / 255, name="normalisation")(x)


def _logarithmic(x: "keras.KerasTensor", mean: NDArray[np.float32], divisor: NDArray[np.float32]) -> "keras.KerasTensor":
    """log(1 + x) / log(256); an operation of Keras is saved by its name, a Lambda would be saved as code."""
    import keras

    logarithm = keras.ops.log1p(_unchanged(x, mean, divisor))
    return keras.layers.Rescaling(1 / math.log(256), name="normalisation_scaled")(logarithm)


def _unchanged(x: "keras.KerasTensor", _mean: NDArray[np.float32], _divisor: NDArray[np.float32]) -> "keras.KerasTensor":
    """X as float32."""
    import keras

    return keras.layers.Rescaling(1.0, name="normalisation")(x)


_METHODS = {"standard": _standardised, "scale": _scaled, "log": _logarithmic, "none": _unchanged}
