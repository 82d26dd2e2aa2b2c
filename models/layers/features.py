"""A pretrained part of a network, and where its features come out if it is frozen. Keras is imported when one is built."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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
