"""A residual network for small images (K. He and others, https://arxiv.org/abs/1512.03385, section 4.2)."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dataprep.config.base import Fraction, Positive
from models.config.network_kinds import NetworkConfig, Rate
from models.layers.blocks import activated, added, averaged, convolution, dropped
from models.layers.build_context import Context
from models.layers.memory_estimate import LayerSize, convolution_size

if TYPE_CHECKING:
    import keras


class Resnet(NetworkConfig):
    """A convolution, then stages of residual blocks; each stage but the first halves height and width with its first block.

    The published networks of 20, 56 and 110 layers have filters 16, 32, 64 and 3, 9 and 18 blocks.
    """

    kind: Literal["resnet"]
    filters: Annotated[tuple[Positive, ...], Field(strict=False, min_length=1, max_length=100)]
    blocks: Annotated[int, Field(gt=0, le=100)]
    dropout: Rate
    batch_normalisation: bool
    noise: Fraction  # Keras takes no more


def build(config: Resnet, inputs: "keras.KerasTensor", context: Context) -> "keras.KerasTensor":
    """(N, H, W, C) to (N, D): the mean of each of the last D filters over the image."""
    normalised, noise = config.batch_normalisation, config.noise

    def layer(x: "keras.KerasTensor", filters: int, name: str, *, size: int = 3, strides: int = 1) -> "keras.KerasTensor":
        return convolution(
            x, filters, context, kernel_size=size, strides=strides, padding="same", batch_normalisation=normalised, name=name
        )

    x = activated(layer(inputs, config.filters[0], "convolution"), noise=noise, name="convolution")
    for name, filters, strides in _blocks(config):
        shortcut = (
            layer(x, filters, f"{name}_shortcut", size=1, strides=strides) if x.shape[-1] != filters or strides > 1 else x
        )
        first = activated(layer(x, filters, f"{name}_1", strides=strides), noise=noise, name=f"{name}_1")
        x = activated(added(layer(first, filters, f"{name}_2"), shortcut, name=f"{name}_sum"), noise=noise, name=name)
    return dropped(averaged(x, name="averages"), config.dropout, name="dropout_output")


def sizes(config: Resnet, shape: tuple[int, int, int]) -> Iterator[LayerSize]:
    """The size of each convolution, with what follows it.

    Raises:
        ValueError: the images are too small for so many stages.
    """
    most = int(math.log2(min(shape[:2]))) + 1
    if len(config.filters) > most:
        raise ValueError(
            f"model.network.filters must have at most {most} stages, since each but the first halves prepare.image_size "
            f"{list(shape[:2])}; got {len(config.filters)}. Remove stages or enlarge the images"
        )

    def layer(before: tuple[int, ...], filters: int, name: str, *, size: int = 3, strides: int = 1) -> LayerSize:
        return convolution_size(
            before,
            filters,
            kernel_size=size,
            strides=strides,
            padding="same",
            batch_normalisation=config.batch_normalisation,
            name=name,
            key="filters",
        )

    last = layer(shape, config.filters[0], "convolution")
    yield last
    for name, filters, strides in _blocks(config):
        if last.shape[-1] != filters or strides > 1:
            shortcut = layer(last.shape, filters, f"{name}_shortcut", size=1, strides=strides)
            yield replace(shortcut, values=shortcut.values - math.prod(shortcut.shape))  # no activation
        first = layer(last.shape, filters, f"{name}_1", strides=strides)
        yield first
        last = layer(first.shape, filters, f"{name}_2")
        yield replace(last, values=last.values + math.prod(last.shape))  # the sum
    yield LayerSize("averages", 0, last.shape[-1], last.shape[-1:])


def _blocks(config: Resnet) -> Iterator[tuple[str, int, int]]:
    """Name, filters and strides of each residual block."""
    for stage, filters in enumerate(config.filters, start=1):
        for block in range(1, config.blocks + 1):
            yield f"stage_{stage}_block_{block}", filters, 2 if stage > 1 and block == 1 else 1
