"""Layers that several kinds of networks are made of. Keras is imported when a network is built, not with this module."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from models.layers.build_context import Context

if TYPE_CHECKING:
    import keras


def convolution(
    x: "keras.KerasTensor",
    filters: int,
    context: Context,
    *,
    kernel_size: int,
    strides: int,
    padding: Literal["same", "valid"],
    batch_normalisation: bool,
    name: str,
) -> "keras.KerasTensor":
    """Convolution, and batch normalisation if asked for: (N, H, W, C) to (N, H', W', filters)."""
    import keras

    x = keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding=padding,
        use_bias=not batch_normalisation,  # batch normalisation brings its own
        kernel_initializer="he_normal",
        kernel_regularizer=context.penalty(),
        name=name,
    )(x)
    return _normalised(x, context, batch_normalisation=batch_normalisation, name=name)


def dense_layers(
    x: "keras.KerasTensor",
    units: Sequence[int],
    context: Context,
    *,
    dropout: float,
    batch_normalisation: bool,
    noise: float,
) -> "keras.KerasTensor":
    """Hidden dense layers with dropout before each and behind the last: (N, D) to (N, units of the last).

    Each is batch normalisation if asked for, ReLU, noise.
    """
    import keras

    for number, width in enumerate(units, start=1):
        name = f"dense_{number}"
        x = dropped(x, dropout, name=f"dropout_{number}")
        x = keras.layers.Dense(
            width,
            use_bias=not batch_normalisation,
            kernel_initializer="he_normal",
            kernel_regularizer=context.penalty(),
            name=name,
        )(x)
        x = _normalised(x, context, batch_normalisation=batch_normalisation, name=name)
        x = activated(x, noise=noise, name=name)
    return dropped(x, dropout, name="dropout_output")


def activated(x: "keras.KerasTensor", *, noise: float, name: str) -> "keras.KerasTensor":
    """ReLU, then noise."""
    import keras

    return noisy(keras.layers.ReLU(name=f"{name}_relu")(x), noise, name=f"{name}_noise")


def added(x: "keras.KerasTensor", y: "keras.KerasTensor", *, name: str) -> "keras.KerasTensor":
    """The sum of two outputs of one shape."""
    import keras

    return keras.layers.Add(name=name)([x, y])


def averaged(x: "keras.KerasTensor", *, name: str) -> "keras.KerasTensor":
    """The mean over the image: (N, H, W, C) to (N, C)."""
    import keras

    return keras.layers.GlobalAveragePooling2D(name=name)(x)


def pooled(x: "keras.KerasTensor", method: Literal["max", "average"], *, name: str) -> "keras.KerasTensor":
    """Halves height and width: the largest or the mean of each square of 2 x 2."""
    import keras

    layers = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}
    return layers[method](2, name=name)(x)


def flattened(x: "keras.KerasTensor") -> "keras.KerasTensor":
    """(N, ...) to (N, D)."""
    import keras

    return keras.layers.Flatten(name="flatten")(x)


def dropped(x: "keras.KerasTensor", rate: float, *, name: str) -> "keras.KerasTensor":
    """Dropout, in training only; no layer for rate 0."""
    import keras

    return keras.layers.Dropout(rate, name=name)(x) if rate else x


def noisy(x: "keras.KerasTensor", std: float, *, name: str) -> "keras.KerasTensor":
    """Gaussian noise, in training only; no layer for 0."""
    import keras

    return keras.layers.GaussianNoise(std, name=name)(x) if std else x


def _normalised(x: "keras.KerasTensor", context: Context, *, batch_normalisation: bool, name: str) -> "keras.KerasTensor":
    import keras

    if not batch_normalisation:
        return x
    return keras.layers.BatchNormalization(momentum=context.momentum, name=f"{name}_normalised")(x)
