"""The whole network: normalisation, the layers of the chosen kind, and a head."""

import keras
import numpy as np
from numpy.typing import NDArray

from dataprep.core.errors import ParamsError
from models.config.model import ModelConfig
from models.config.network_kinds import network_module
from models.layers.blocks import flattened, noisy
from models.layers.build_context import Context
from models.layers.normalisation import normalised


def build_network(
    config: ModelConfig,
    *,
    shape: tuple[int, int, int],
    num_classes: int,
    mean: NDArray[np.float32],
    divisor: NDArray[np.float32],
    momentum: float,
) -> keras.Model:
    """Builds a classifier: (N, H, W, C) uint8 in, (N, num_classes) float32 probabilities out.

    The weights are drawn from Keras' global seed.

    Args:
        config: the layers.
        shape: (H, W, C) of the images.
        num_classes: width of the head.
        mean: gray levels to subtract, (1, 1, C) or (H, W, C); as the divisor, for `normalise.method` standard only.
        divisor: gray levels to divide by, of the same shape, never 0.
        momentum: of the averages of batch normalisation, 0 to 1.

    Raises:
        ParamsError: the file of the kind cannot be used, or the head is for two classes and there are others.
    """
    context = Context(num_classes, config.head, config.l1, config.l2, momentum)
    inputs = keras.Input(shape, dtype="uint8", name="image")
    x = noisy(normalised(inputs, config.normalise, mean, divisor), config.input_noise, name="input_noise")
    x = network_module(config.network.kind).build(config.network, x, context)
    outputs = x if config.network.gives_probabilities else _head(x, context)
    return keras.Model(inputs, outputs, name=f"darkroom_{config.network.kind}")


def _head(x: keras.KerasTensor, context: Context) -> keras.KerasTensor:
    """(N, ...) to (N, num_classes) probabilities."""
    if len(x.shape) > 2:
        x = flattened(x)
    if context.head == "binary":
        return _binary_head(x, context)
    return keras.layers.Dense(
        context.num_classes, activation=context.head, kernel_regularizer=context.penalty(), name="probabilities"
    )(x)


def _binary_head(x: keras.KerasTensor, context: Context) -> keras.KerasTensor:
    """(N, D) to (N, 2): one output z, and the probabilities sigmoid(-z) and sigmoid(z), which sum to 1.

    They are the softmax of -z/2 and z/2. Keras computes a cross-entropy from what stands before the activation: of two sigmoids
    it would take the softmax of -z and z, and train other probabilities than the network gives.
    """
    if context.num_classes != 2:
        raise ParamsError(
            f"params.yaml: model.head 'binary' is for two classes; there are {context.num_classes:,}. Set model.head to softmax"
        )
    logit = keras.layers.Dense(1, kernel_regularizer=context.penalty(), name="logit")(x)
    halves = [keras.layers.Rescaling(scale, name=f"{name}_half")(logit) for scale, name in ((-0.5, "minus"), (0.5, "plus"))]
    both = keras.layers.Concatenate(name="halves")(halves)
    return keras.layers.Activation("softmax", name="probabilities")(both)
