"""A convolutional network: blocks of convolution and pooling, then dense layers."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from dataprep.config.base import Fraction, Positive
from models.config.network_kinds import KernelSize, Layers, NetworkConfig, Rate
from models.layers.blocks import activated, convolution, dense_layers, dropped, flattened, pooled
from models.layers.build_context import Context
from models.layers.memory_estimate import LayerSize, convolution_size, dense_sizes

if TYPE_CHECKING:
    import keras

Blocks = Annotated[tuple[Positive, ...], Field(strict=False, max_length=100)]


class Cnn(NetworkConfig):
    """Blocks of convolution and pooling, then dense layers. Without filters it is a dense network."""

    kind: Literal["cnn"]
    filters: Layers
    kernel_size: KernelSize
    strides: Annotated[int, Field(gt=0, le=255)]
    padding: Literal["same", "valid"]
    pooling: Literal["max", "average"]
    unpooled: Blocks
    block_dropout: Rate
    dropout_after: Blocks
    dense_units: Layers
    dropout: Rate
    batch_normalisation: bool
    noise: Fraction  # Keras takes no more

    @model_validator(mode="after")
    def _blocks_are_there(self) -> "Cnn":
        for key, blocks in (("unpooled", self.unpooled), ("dropout_after", self.dropout_after)):
            if wrong := [block for block in blocks if block > len(self.filters)]:
                raise ValueError(
                    f"{key} must hold numbers of blocks, at most {len(self.filters)}, which filters has; got {wrong[0]}. "
                    f"Correct model.network.{key}"
                )
        return self


def build(config: Cnn, inputs: "keras.KerasTensor", context: Context) -> "keras.KerasTensor":
    """(N, H, W, C) to (N, D), the outputs of the last hidden layer."""
    x = inputs
    for number, filters in enumerate(config.filters, start=1):
        name = f"convolution_{number}"
        x = convolution(
            x,
            filters,
            context,
            kernel_size=config.kernel_size,
            strides=config.strides,
            padding=config.padding,
            batch_normalisation=config.batch_normalisation,
            name=name,
        )
        x = activated(x, noise=config.noise, name=name)
        if number not in config.unpooled:
            x = pooled(x, config.pooling, name=f"pooling_{number}")
        if number in config.dropout_after:
            x = dropped(x, config.block_dropout, name=f"{name}_dropout")
    return dense_layers(
        flattened(x),
        config.dense_units,
        context,
        dropout=config.dropout,
        batch_normalisation=config.batch_normalisation,
        noise=config.noise,
    )


def sizes(config: Cnn, shape: tuple[int, int, int]) -> Iterator[LayerSize]:
    """The size of each block, with its pooling.

    Raises:
        ValueError: the images are too small for so many blocks.
    """
    last: tuple[int, ...] = shape
    for number, filters in enumerate(config.filters, start=1):
        size = convolution_size(
            last,
            filters,
            kernel_size=config.kernel_size,
            strides=config.strides,
            padding=config.padding,
            batch_normalisation=config.batch_normalisation,
            name=f"convolution_{number}",
            key="filters",
        )
        if number not in config.unpooled:
            height, width = size.shape[0] // 2, size.shape[1] // 2
            if min(height, width) == 0:
                raise ValueError(
                    f"model.network.filters must have at most {number - 1} blocks, since they leave {size.shape[0]} x "
                    f"{size.shape[1]} of prepare.image_size {list(shape[:2])}, which block {number} cannot halve; got "
                    f"{len(config.filters)}. Remove blocks, add them to model.network.unpooled, or enlarge the images"
                )
            pooled_shape = height, width, filters
            size = replace(size, values=size.values + math.prod(pooled_shape), shape=pooled_shape)
        last = size.shape
        yield size
    yield from dense_sizes(math.prod(last), config.dense_units, batch_normalisation=config.batch_normalisation)
