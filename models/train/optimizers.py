"""From the settings of an optimizer to Keras' own."""

import keras

from models.config.train import OptimizerConfig


def make_optimizer(config: OptimizerConfig) -> keras.Optimizer:
    """The optimizer of `train.optimizer.kind`; its keys are named as Keras names its arguments."""
    return _OPTIMIZERS[config.kind](**config.model_dump(exclude={"kind"}))


_OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
}
