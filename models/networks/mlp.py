"""A multilayer perceptron: hidden dense layers on pixels."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from dataprep.config.base import Fraction
from models.config.network_kinds import Layers, NetworkConfig, Rate
from models.layers.blocks import dense_layers, flattened
from models.layers.build_context import Context
from models.layers.memory_estimate import LayerSize, dense_sizes

if TYPE_CHECKING:
    import keras


class Mlp(NetworkConfig):
    """Any number of hidden dense layers."""

    kind: Literal["mlp"]
    dense_units: Layers
    dropout: Rate
    batch_normalisation: bool
    noise: Fraction  # Keras takes no more


def build(config: Mlp, inputs: "keras.KerasTensor", context: Context) -> "keras.KerasTensor":
    """(N, H, W, C) to (N, D), the outputs of the last hidden layer."""
    return dense_layers(
        flattened(inputs),
        config.dense_units,
        context,
        dropout=config.dropout,
        batch_normalisation=config.batch_normalisation,
        noise=config.noise,
    )


def sizes(config: Mlp, shape: tuple[int, int, int]) -> Iterator[LayerSize]:
    """The size of each hidden layer."""
    yield from dense_sizes(math.prod(shape), config.dense_units, batch_normalisation=config.batch_normalisation)
