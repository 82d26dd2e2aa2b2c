"""What a network makes of an image, more than its last hidden layer: also the last map of its convolutions.

The last hidden layer keeps what tells the classes apart. What tells a turned digit from an upright one is mostly lost there,
and still stands in the map before it.
"""

import math

import keras

from models.layers.features import with_last_hidden_features

MOST_VALUES = 4096
"""Of the map, kept of an image; a larger one is averaged over neighbouring places."""


def with_deep_features(network: keras.Model) -> keras.Model:
    """A network that gives three outputs: the last hidden layer (N, D), that with the last map beside it, and its own outputs.

    Where it has no convolution, or hides them in a network within, the second output is the first.

    Raises:
        TrainError: there is no last hidden layer, or it has several inputs.
    """
    both = with_last_hidden_features(network)
    hidden, outputs = both.outputs
    last = None if isinstance(network, keras.Sequential) else last_map(network)
    deep = hidden if last is None else keras.layers.Concatenate(name="deep_features")([_flat(last), hidden])
    return keras.Model(both.inputs, [hidden, deep, outputs], name=f"{network.name}_with_deep_features")


def last_map(network: keras.Model) -> keras.KerasTensor | None:
    """The last outputs with places, (N, h, w, C), behind a convolution and before the last layer with weights; None without."""
    last = max((number for number, layer in enumerate(network.layers) if layer.weights), default=0)
    found, convolved = None, False
    for layer in network.layers[:last]:
        convolved |= "Conv" in type(layer).__name__
        if convolved and not isinstance(layer, keras.Model) and _has_places(layer):
            found = layer.output
    return found


def _has_places(layer: keras.Layer) -> bool:
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):  # it has several outputs, or is used several times
        return False
    return len(shape) == 4 and min(shape[1:3]) > 1


def _flat(outputs: keras.KerasTensor) -> keras.KerasTensor:
    _, height, width, channels = outputs.shape
    side = max(math.isqrt(max(MOST_VALUES // channels, 1)), 1)  # places along each side that are kept
    pool = max(math.ceil(height / side), 1), max(math.ceil(width / side), 1)
    if pool != (1, 1):
        outputs = keras.layers.AveragePooling2D(pool, padding="same", name="last_map_averaged")(outputs)
    return keras.layers.Flatten(name="last_map")(outputs)
