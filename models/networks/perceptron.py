"""A perceptron: the head sees the pixels."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from models.config.network_kinds import NetworkConfig
from models.layers.blocks import flattened
from models.layers.build_context import Context
from models.layers.memory_estimate import LayerSize

if TYPE_CHECKING:
    import keras


class Perceptron(NetworkConfig):
    """One dense layer, which is the head."""

    kind: Literal["perceptron"]


def build(config: Perceptron, inputs: "keras.KerasTensor", context: Context) -> "keras.KerasTensor":  # noqa: ARG001  # of all kinds
    """(N, H, W, C) to (N, H W C)."""
    return flattened(inputs)


def sizes(config: Perceptron, shape: tuple[int, int, int]) -> Iterator[LayerSize]:  # noqa: ARG001  # of all kinds
    """None beside the head."""
    yield from ()
