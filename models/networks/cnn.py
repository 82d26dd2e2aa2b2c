"""The network. Its first layers normalise, so that a saved model takes prepared uint8 images as they stand in the shards."""

import math
from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from models.config.model import ModelConfig


def build_cnn(
    config: ModelConfig,
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    mean: NDArray[np.float32],
    divisor: NDArray[np.float32],
    momentum: float,
) -> keras.Model:
    """Builds a convolutional classifier: (N, H, W, C) uint8 in, (N, num_classes) float32 probabilities out.

    Without filters it is a dense network. The weights are drawn from Keras' global seed.

    Args:
        config: the layers.
        shape: (H, W, C) of the images.
        num_classes: width of the head.
        mean: gray levels to subtract, (1, 1, C) or (H, W, C); as the divisor, for `normalise.method` standard only.
        divisor: gray levels to divide by, of the same shape, never 0.
        momentum: of the averages of batch normalisation, 0 to 1.
    """
    inputs = keras.Input(shape, dtype="uint8", name="image")
    x = _NORMALISATIONS[config.normalise.method](inputs, mean, divisor)
    if config.input_noise:
        x = keras.layers.GaussianNoise(config.input_noise, name="input_noise")(x)
    for number, filters in enumerate(config.filters, start=1):
        x = keras.layers.Conv2D(
            filters,
            config.kernel_size,
            padding="same",
            use_bias=not config.batch_normalisation,  # batch normalisation brings its own
            kernel_initializer="he_normal",
            kernel_regularizer=_penalty(config),
            name=f"convolution_{number}",
        )(x)
        x = _activated(x, config, momentum, f"convolution_{number}")
        x = _POOLING[config.pooling](2, name=f"pooling_{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for number, units in enumerate(config.dense_units, start=1):
        x = _dropped(x, config, f"dropout_{number}")
        x = keras.layers.Dense(
            units,
            use_bias=not config.batch_normalisation,
            kernel_initializer="he_normal",
            kernel_regularizer=_penalty(config),
            name=f"dense_{number}",
        )(x)
        x = _activated(x, config, momentum, f"dense_{number}")
    x = _dropped(x, config, "dropout_output")
    outputs = keras.layers.Dense(
        num_classes, activation=config.head, kernel_regularizer=_penalty(config), name="probabilities"
    )(x)
    return keras.Model(inputs, outputs, name="darkroom_cnn")


def _standardised(x: keras.KerasTensor, mean: NDArray[np.float32], divisor: NDArray[np.float32]) -> keras.KerasTensor:
    """(x - mean) / divisor."""
    axis: Sequence[int] | int = (1, 2, 3)
    if mean.shape[:2] == (1, 1):
        axis, mean, divisor = -1, mean[0, 0], divisor[0, 0]
    return keras.layers.Normalization(axis=axis, mean=mean, variance=divisor**2, name="normalisation")(x)


def _scaled(x: keras.KerasTensor, _mean: NDArray[np.float32], _divisor: NDArray[np.float32]) -> keras.KerasTensor:
    """X / 255."""
    return keras.layers.Rescaling(1 / 255, name="normalisation")(x)


def _logarithmic(x: keras.KerasTensor, _mean: NDArray[np.float32], _divisor: NDArray[np.float32]) -> keras.KerasTensor:
    """log(1 + x) / log(256); an operation of Keras is saved by its name, a Lambda would be saved as code."""
    logarithm = keras.ops.log1p(_unchanged(x, _mean, _divisor))
    return keras.layers.Rescaling(1 / math.log(256), name="normalisation_scaled")(logarithm)


def _unchanged(x: keras.KerasTensor, _mean: NDArray[np.float32], _divisor: NDArray[np.float32]) -> keras.KerasTensor:
    """X as float32."""
    return keras.layers.Rescaling(1.0, name="normalisation")(x)


def _activated(x: keras.KerasTensor, config: ModelConfig, momentum: float, name: str) -> keras.KerasTensor:
    if config.batch_normalisation:
        x = keras.layers.BatchNormalization(momentum=momentum, name=f"{name}_normalised")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _dropped(x: keras.KerasTensor, config: ModelConfig, name: str) -> keras.KerasTensor:
    return keras.layers.Dropout(config.dropout, name=name)(x) if config.dropout else x


def _penalty(config: ModelConfig) -> keras.Regularizer | None:
    return keras.regularizers.L1L2(l1=config.l1, l2=config.l2) if config.l1 or config.l2 else None


_NORMALISATIONS = {"standard": _standardised, "scale": _scaled, "log": _logarithmic, "none": _unchanged}
_POOLING = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}
