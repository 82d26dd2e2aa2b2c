"""Mixed precision: most layers compute in float16, weights stay float32 (Micikevicius et al.: Mixed Precision Training, 2018).

    normalisation   hidden layers   head, loss
    float32         float16         float32

It lasts while the network is fitted. The network that is saved computes in float32, on any machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from models.layers.leaf_layers import leaf_layers

_MIXED = "mixed_float16"
_NORMALISING = keras.layers.Normalization
"""Of images, with the mean and variance of a data set; not batch normalisation."""


def scaled(optimizer: keras.Optimizer) -> keras.Optimizer:
    """An optimizer whose losses are scaled, so that small gradients are not 0 in float16."""
    return keras.optimizers.LossScaleOptimizer(optimizer)


def unscaled(optimizer: keras.Optimizer) -> keras.Optimizer:
    """The optimizer that `scaled` took, or any other as it is."""
    return getattr(optimizer, "inner_optimizer", optimizer)


@contextmanager
def fitting_precision(network: keras.Model, *, mixed: bool) -> Iterator[None]:
    """Lets the hidden layers compute in float16 while the block lasts, if asked for.

    What Keras compiled of the network before or within the block keeps the precision that it was compiled with.
    """
    hidden = _hidden_layers(network) if mixed else []
    policies = [layer.dtype_policy for layer in hidden]
    for layer in hidden:
        layer.dtype_policy = _MIXED
    try:
        yield
    finally:
        for layer, policy in zip(hidden, policies, strict=True):
            layer.dtype_policy = policy


def _hidden_layers(network: keras.Model) -> list[keras.Layer]:
    """From the first layer with weights to the one before the last with weights; those of networks inside are layers too."""
    leaves = list(leaf_layers(network))
    weighted = [number for number, layer in enumerate(leaves) if layer.weights and not isinstance(layer, _NORMALISING)]
    return leaves[weighted[0] : weighted[-1]] if weighted else []
