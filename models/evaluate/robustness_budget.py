"""What the trials of the robustness test cost: of a large network fewer images are tried, so that they take minutes at most."""

import math

import keras

from models.config.evaluate import EvaluateConfig
from models.layers.leaf_layers import leaf_layers

_BUDGET = 3e12
"""Multiplications for all trials; two cores of a laptop make some 3e10 a second."""
_PASSES = 50
"""Operations, levels and regions: how often each image is tried, about."""
_FEWEST = 100


def affordable(config: EvaluateConfig, network: keras.Model) -> EvaluateConfig:
    """The settings with as many images for each operation as the network allows, 100 or more where so many are asked for.

    It is a function of the network alone, not of the machine, so that the same images are tried everywhere.
    """
    most = max(int(_BUDGET / (_PASSES * max(multiplications(network), 1))), _FEWEST)
    return config.model_copy(update={"images_per_operation": min(config.images_per_operation, most)})


def multiplications(network: keras.Model) -> int:
    """Of the kernels of its layers for one image: the size of each, times the places of its output.

    A dense layer of 10 units on 100 values has 1,000; a convolution of 3 x 3 from 8 to 16 channels that puts out 5 x 5 places
    3 * 3 * 8 * 16 * 25.
    """
    total = 0
    for layer in leaf_layers(network):
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            total += math.prod(kernel.shape) * math.prod(side or 1 for side in layer.output.shape[1:-1])
    return total
