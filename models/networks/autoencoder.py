"""A denoising autoencoder (P. Vincent and others: Extracting and Composing Robust Features with Denoising Autoencoders, 2008).

images --(noise, encoder)--> code --(decoder)--> clean images
                              |
                              `--(head)--> probabilities

Encoder and decoder learn to remove the noise, without labels. The head learns to classify by the code. The network gives
probabilities as every kind does, and carries the whole autoencoder as one layer.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from dataprep.config.base import Positive
from models.config.network_kinds import KernelSize, NetworkConfig
from models.layers.autoencoder_lookup import AUTOENCODER, CODE, LEVELS, NOISE
from models.layers.blocks import activated, convolution, pooled
from models.layers.build_context import Context
from models.layers.memory_estimate import LayerSize, convolution_size

if TYPE_CHECKING:
    import keras


class Autoencoder(NetworkConfig):
    """Stages that halve height and width, the last of which gives the code, and the same stages backwards."""

    takes_gray_levels: ClassVar[bool] = True

    kind: Literal["autoencoder"]
    filters: Annotated[tuple[Positive, ...], Field(strict=False, min_length=1, max_length=24)]
    kernel_size: KernelSize
    batch_normalisation: bool
    noise_std: Annotated[float, Field(ge=1.0, le=255.0)]  # below 1, rounding leaves most images as they are


def build(config: Autoencoder, inputs: "keras.KerasTensor", context: Context) -> "keras.KerasTensor":
    """(N, H, W, C) levels of 0 to 255 to the code (N, H / 2^n, W / 2^n, D) of n stages, the last of D filters."""
    import keras

    def layer(x: "keras.KerasTensor", filters: int, name: str, *, normalised: bool) -> "keras.KerasTensor":
        size = config.kernel_size
        return convolution(
            x, filters, context, kernel_size=size, strides=1, padding="same", batch_normalisation=normalised, name=name
        )

    levels = keras.Input(inputs.shape[1:], name=LEVELS)
    x = keras.layers.Rescaling(1 / 255, name="scaled")(levels)
    x = keras.layers.GaussianNoise(config.noise_std / 255, name=NOISE)(x)
    x = keras.layers.ReLU(max_value=1.0, name="clipped")(x)  # the noisy image of a file has no level beyond 0 and 255 either
    for number, filters in enumerate(config.filters, start=1):
        name = f"encoder_{number}"
        x = activated(layer(x, filters, name, normalised=config.batch_normalisation), noise=0.0, name=name)
        x = pooled(x, "max", name=f"{name}_pooling")
    code = x = keras.layers.Identity(name=CODE)(x)
    for number, filters in _backwards(config):
        name = f"decoder_{number}"
        x = keras.layers.UpSampling2D(2, name=f"{name}_upsampling")(x)
        x = activated(layer(x, filters, name, normalised=config.batch_normalisation), noise=0.0, name=name)
    x = keras.layers.UpSampling2D(2, name="decoder_1_upsampling")(x)
    x = keras.layers.Activation("sigmoid", name="decoder_1_sigmoid")(layer(x, inputs.shape[-1], "decoder_1", normalised=False))
    clean = keras.layers.Rescaling(255.0, name="clean")(x)
    given, _ = keras.Model(levels, [code, clean], name=AUTOENCODER)(keras.layers.Identity(name=LEVELS)(inputs))
    return keras.layers.Identity(name=CODE)(given)


def sizes(config: Autoencoder, shape: tuple[int, int, int]) -> Iterator[LayerSize]:
    """The size of each stage, forwards and backwards.

    Raises:
        ValueError: the stages cannot halve the images, and double them again to what they were.
    """
    _check_halves(config, shape)

    def layer(before: tuple[int, ...], filters: int, name: str, *, normalised: bool) -> LayerSize:
        size = config.kernel_size
        return convolution_size(
            before,
            filters,
            kernel_size=size,
            strides=1,
            padding="same",
            batch_normalisation=normalised,
            name=name,
            key="filters",
        )

    last = shape
    for number, filters in enumerate(config.filters, start=1):
        size = layer(last, filters, f"encoder_{number}", normalised=config.batch_normalisation)
        last = last[0] // 2, last[1] // 2, filters
        yield replace(size, values=size.values + math.prod(last))  # pooled
    code = last
    for number, filters in [*_backwards(config), (1, shape[2])]:
        last = last[0] * 2, last[1] * 2, last[2]
        size = layer(last, filters, f"decoder_{number}", normalised=config.batch_normalisation and number > 1)
        yield replace(size, values=size.values + math.prod(last))  # enlarged
        last = *last[:2], filters
    yield LayerSize(CODE, 0, 3 * math.prod(shape), code)  # what stands before the first stage and behind the last


def _backwards(config: Autoencoder) -> list[tuple[int, int]]:
    """The stages of the decoder but the last: each gives as many values as its stage of the encoder takes."""
    return [(number, config.filters[number - 2]) for number in range(len(config.filters), 1, -1)]


def _check_halves(config: Autoencoder, shape: tuple[int, int, int]) -> None:
    stages, side = len(config.filters), math.gcd(*shape[:2])
    if side % 2**stages:
        most = (side & -side).bit_length() - 1  # times that both sides can be halved
        raise ValueError(
            f"model.network.filters must have at most {most} stages, since each halves prepare.image_size {list(shape[:2])} "
            f"without a rest; got {stages}. Remove stages, or make height and width multiples of {2**stages}"
        )
