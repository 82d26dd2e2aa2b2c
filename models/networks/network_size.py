"""What a network needs in memory, from its settings alone, so that one that is too large is refused before it is built."""

from collections.abc import Iterator
from dataclasses import dataclass

from models.config.model import ModelConfig

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


def layer_sizes(config: ModelConfig, shape: tuple[int, int, int], num_classes: int = 2) -> list[LayerSize]:
    """The sizes of the network's blocks, as `build_cnn` builds them.

    Args:
        config: the layers.
        shape: (H, W, C) of the images.
        num_classes: width of the head; parameters do not know it, and it is small beside the rest.
    """
    return list(_layer_sizes(config, shape, num_classes))


def check_memory(config: ModelConfig, shape: tuple[int, int, int], *, train_batch: int, evaluate_batch: int) -> None:
    """Refuses a network that no machine at hand could train.

    Raises:
        ValueError: with the sum.
    """
    layers = layer_sizes(config, shape)
    weights, values = sum(layer.weights for layer in layers), sum(layer.values for layer in layers)
    largest = max(layers, key=lambda layer: layer.weights)
    of_weights, of_values = weights * _WEIGHT_BYTES, values * train_batch * _VALUE_BYTES
    limit = f"at most {_gib(MAX_BYTES)} of memory"
    if of_weights + of_values > MAX_BYTES:
        fix = "model.dense_units, model.filters or prepare.image_size" if of_weights > of_values else "train.batch_size"
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


def _layer_sizes(config: ModelConfig, shape: tuple[int, int, int], num_classes: int) -> Iterator[LayerSize]:
    height, width, channels = shape
    yield LayerSize("normalisation", 0, height * width * channels)
    own = 4 if config.batch_normalisation else 1  # batch normalisation has four numbers for each output; else there is a bias
    steps = 3 if config.batch_normalisation else 2  # outputs of the layer, its normalisation and its activation
    for number, filters in enumerate(config.filters, start=1):
        weights = config.kernel_size**2 * channels * filters + own * filters
        values = height * width * filters * steps
        height, width, channels = height // 2, width // 2, filters
        yield LayerSize(f"convolution_{number}", weights, values + height * width * filters)
    inputs = height * width * channels
    for number, units in enumerate(config.dense_units, start=1):
        yield LayerSize(f"dense_{number}", inputs * units + own * units, units * steps)
        inputs = units
    yield LayerSize("probabilities", inputs * num_classes + num_classes, num_classes)


def _gib(num_bytes: float) -> str:
    return f"{num_bytes / 2**30:,.0f} GiB"
