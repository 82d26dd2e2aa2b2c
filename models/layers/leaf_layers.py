"""The layers of a network one by one: where a layer is itself a network, its own layers stand in its place."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def leaf_layers(network: "keras.Model") -> "Iterator[keras.Layer]":
    """In the order of the network; a layer that is used twice comes twice."""
    import keras

    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from leaf_layers(layer)
        else:
            yield layer
