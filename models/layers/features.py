"""Features: what a network makes of images before its last layers. Keras is imported when a network is built."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dataprep.core.errors import TrainError, shortened

if TYPE_CHECKING:
    import keras

FEATURES = "features"
"""The name of the layer behind the frozen part: training finds by it what needs to be computed only once."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A trained network without its classifier.

    Attributes:
        network: (N, side, side, 3) levels of 0 to 255 in, (N, F) float32 features out; its own preprocessing is part of it.
        source: of its weights: a package, a name in Keras, or a file.
        sha256: of the file of weights, or of the weights themselves where they were downloaded.
    """

    network: "keras.Model"
    source: str
    sha256: str


def frozen_features(x: "keras.KerasTensor", pretrained: Pretrained) -> "keras.KerasTensor":
    """What a trained network makes of images: (N, H, W, C) to (N, F). Its weights stay as they are.

    Its batch normalisation uses the averages that it was trained with, for good, also when its weights are trained later.
    """
    import keras

    backbone = _with_source(pretrained)
    backbone.trainable = False
    return keras.layers.Identity(name=FEATURES)(backbone(x, training=False))


def trained_features(x: "keras.KerasTensor", pretrained: Pretrained) -> "keras.KerasTensor":
    """What a trained network makes of images, as `frozen_features`, while its weights go on being trained."""
    return _with_source(pretrained)(x)


def last_hidden_features(network: "keras.Model") -> "keras.Model":
    """The part of a classifier before its last layer with weights: images (N, H, W, C) to features (N, D).

    It shares the layers of the network. A network within the network, if it is that last layer, is cut in the same way.

    Raises:
        TrainError: there is no such layer, or it has several inputs.
    """
    import keras

    number = max((number for number, layer in enumerate(network.layers) if layer.weights), default=0)
    last = network.layers[number]
    inner = [last_hidden_features(last)] if isinstance(last, keras.Model) else []
    if not last.weights or isinstance(last.input, list):
        raise TrainError(
            "model.classifier: the network must have a last layer with weights and one input; "
            f"{shortened(last.name)} is none. Set model.classifier.kind to head"
        )
    name, flatten = f"{network.name}_features", keras.layers.Flatten(name="last_hidden_features")
    if isinstance(network, keras.Sequential):  # its layers have inputs of many earlier states of it
        image = keras.Input(network.inputs[0].shape[1:], dtype=network.inputs[0].dtype)
        return keras.Sequential([image, *network.layers[:number], *inner, flatten], name=name)
    x = inner[0](network.layers[number - 1].output) if inner else last.input
    return keras.Model(network.inputs, flatten(x), name=name)


def with_last_hidden_features(network: "keras.Model") -> "keras.Model":
    """A network that gives both: images (N, H, W, C) to features (N, D), as `last_hidden_features`, and its own outputs.

    It shares the layers of the network. What comes before the last layer is computed once, but for a network within the network
    that is not its last layer.

    Raises:
        TrainError: there is no such layer, or it has several inputs.
    """
    import keras

    features = last_hidden_features(network)
    last = max((number for number, layer in enumerate(network.layers) if layer.weights), default=0)
    name = f"{network.name}_with_features"
    if isinstance(network, keras.Sequential):
        image = keras.Input(network.inputs[0].shape[1:], dtype=network.inputs[0].dtype)
        if isinstance(network.layers[last], keras.Model):
            return keras.Model(image, [features(image), network(image)], name=name)
        x = image
        for layer in network.layers[:last]:
            x = layer(x)
        outputs = x
        for layer in network.layers[last:]:
            outputs = layer(outputs)
        return keras.Model(image, [keras.layers.Flatten(name="last_hidden_features")(x), outputs], name=name)
    inner = network.layers[last]
    if isinstance(inner, keras.Model) and inner is network.layers[-1]:
        both = with_last_hidden_features(inner)(network.layers[last - 1].output)
        return keras.Model(network.inputs, both, name=name)
    return keras.Model(network.inputs, [features.output, network.output], name=name)


def source_of_weights(network: "keras.Model") -> dict[str, dict[str, str]]:
    """Where the weights of the pretrained part are from, for the model file: source and hash; nothing without such a part."""
    backbone = next((layer for layer in network.layers if hasattr(layer, "weights_source")), None)
    return {"pretrained": {"source": backbone.weights_source, "sha256": backbone.weights_sha256}} if backbone else {}


def _with_source(pretrained: Pretrained) -> "keras.Model":
    pretrained.network.weights_source, pretrained.network.weights_sha256 = pretrained.source, pretrained.sha256
    return pretrained.network


def weights_hash(network: "keras.Model") -> str:
    """SHA-256 over all weights of a network, in their order, with their shapes."""
    digest = hashlib.sha256()
    for array in network.get_weights():
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
    return digest.hexdigest()
