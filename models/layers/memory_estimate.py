"""What a network needs in memory, from its settings alone, so that one that is too large is refused before it is built."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from models.config.model import Head, ModelConfig
from models.config.network_kinds import network_module

MAX_BYTES = 2**36
"""64 GiB, more than most machines have. The machine at hand is not asked: it must not decide whether parameters are right."""

_WEIGHT_BYTES = 16  # float32: the weight, its gradient, and two averages of Adam
_VALUE_BYTES = 8  # float32: a layer's output for training, and its gradient


@dataclass(frozen=True, slots=True)
class LayerSize:
    """One block of layers: its name in the network, its weights, and the numbers that it puts out for one image."""

    name: str
    weights: int
    values: int
    shape: tuple[int, ...]  # of what it puts out for one image
    key: str = ""  # of model.network, which makes it as large as it is


def layer_sizes(config: ModelConfig, shape: tuple[int, int, int], num_classes: int = 2) -> list[LayerSize]:
    """The sizes of the network's blocks, as `build_network` builds them; none where its kind has no `sizes`.

    Args:
        config: the layers.
        shape: (H, W, C) of the images.
        num_classes: width of the head; parameters do not know it, and it is small beside the rest.

    Raises:
        ValueError: the images are too small for the network.
    """
    sizes = getattr(network_module(config.network.kind), "sizes", None)
    return [] if sizes is None else list(_with_ends(sizes(config.network, shape), shape, num_classes, config.head))


def check_memory(config: ModelConfig, shape: tuple[int, int, int], *, train_batch: int, evaluate_batch: int) -> None:
    """Refuses a network that no machine at hand could train, or for which the images are too small.

    Raises:
        ValueError: with the sum.
    """
    layers = layer_sizes(config, shape)
    if not layers:
        return
    weights, values = sum(layer.weights for layer in layers), sum(layer.values for layer in layers)
    largest = max(layers, key=lambda layer: layer.weights)
    of_weights, of_values = weights * _WEIGHT_BYTES, values * train_batch * _VALUE_BYTES
    limit = f"at most {_gib(MAX_BYTES)} of memory"
    if of_weights + of_values > MAX_BYTES:
        causes = [*([f"model.network.{largest.key}"] if largest.key else []), "prepare.image_size"]
        fix = " or ".join(causes) if of_weights > of_values else "train.batch_size"
        raise ValueError(
            f"model must train in {limit}; {weights:,} weights ({largest.weights:,} of them in {largest.name}) x "
            f"{_WEIGHT_BYTES} bytes + {values:,} values of an image x train.batch_size {train_batch:,} x {_VALUE_BYTES} "
            f"bytes = {_gib(of_weights + of_values)}. Reduce {fix}"
        )
    of_values = values * evaluate_batch * _VALUE_BYTES // 2  # no gradients
    if of_values > MAX_BYTES:
        raise ValueError(
            f"evaluate.batch_size must need {limit}; {values:,} values of an image x {evaluate_batch:,} x {_VALUE_BYTES // 2} "
            f"bytes = {_gib(of_values)}. Reduce it"
        )


def convolution_size(
    shape: tuple[int, ...],
    filters: int,
    *,
    kernel_size: int,
    strides: int,
    padding: Literal["same", "valid"],
    batch_normalisation: bool,
    name: str,
    key: str,
) -> LayerSize:
    """The size of a `convolution` of `models.layers.blocks`, and of the activation behind it.

    Raises:
        ValueError: the kernel is larger than what it is laid on.
    """
    height, width, channels = shape
    outside = 0 if padding == "same" else kernel_size - 1
    if min(height, width) <= outside:
        raise ValueError(
            f"model.network.kernel_size must be at most {min(height, width)} for {name} with padding 'valid', which sees "
            f"{height} x {width} values; got {kernel_size}. Reduce it, remove blocks, or enlarge prepare.image_size"
        )
    height, width = (-(-(side - outside) // strides) for side in (height, width))
    weights = kernel_size**2 * channels * filters + _own(filters, batch_normalisation=batch_normalisation)
    values = height * width * filters * (3 if batch_normalisation else 2)
    return LayerSize(name, weights, values, (height, width, filters), key)


def dense_sizes(inputs: int, units: Sequence[int], *, batch_normalisation: bool) -> Iterator[LayerSize]:
    """The sizes of what `models.layers.blocks.dense_layers` adds, whose widths are the key `dense_units`."""
    for number, width in enumerate(units, start=1):
        weights = inputs * width + _own(width, batch_normalisation=batch_normalisation)
        values = width * (3 if batch_normalisation else 2)
        yield LayerSize(f"dense_{number}", weights, values, (width,), "dense_units")
        inputs = width


def _own(outputs: int, *, batch_normalisation: bool) -> int:
    """Batch normalisation has four numbers for each output; else there is a bias."""
    return (4 if batch_normalisation else 1) * outputs


def _with_ends(layers: Iterator[LayerSize], shape: tuple[int, int, int], num_classes: int, head: Head) -> Iterator[LayerSize]:
    """The layers of the chosen kind, with the normalisation before and the head behind."""
    last = LayerSize("normalisation", 0, math.prod(shape), shape)
    yield last
    for layer in layers:
        last = layer
        yield last
    outputs, values = (1, 7) if head == "binary" else (num_classes, num_classes)  # z, two halves, both, probabilities
    yield LayerSize("probabilities", (math.prod(last.shape) + 1) * outputs, values, (num_classes,))


def _gib(num_bytes: float) -> str:
    return f"{num_bytes / 2**30:,.0f} GiB"
