"""What a pretrained backbone is."""

import hashlib
from dataclasses import dataclass

import keras
import numpy as np


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A trained network without its classifier.

    Attributes:
        network: (N, side, side, 3) levels of 0 to 255 in, (N, F) float32 features out; its own preprocessing is part of it.
        source: of its weights: a package, a name in Keras, or a file.
        sha256: of the file of weights, or of the weights themselves where they were downloaded.
    """

    network: keras.Model
    source: str
    sha256: str


def weights_hash(network: keras.Model) -> str:
    """SHA-256 over all weights of a network, in their order, with their shapes."""
    digest = hashlib.sha256()
    for array in network.get_weights():
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
    return digest.hexdigest()
