"""The network as it is before the first step: built, seeded, and compiled with its optimizer and its loss."""

import math

import keras
import tensorflow as tf

from dataprep.config.augment import AugmentConfig
from dataprep.feed.batches import TrainSet, num_train_batches
from dataprep.store.statistics import Statistics
from models.config.model import ModelConfig
from models.config.train import TrainConfig
from models.layers.whole_network import build_network
from models.train.devices import check_copies, settle_copies, strategy_scope
from models.train.final_classifier import check_classifier
from models.train.mixed_precision import scaled
from models.train.objectives import objective_of
from models.train.optimizers import make_optimizer

_MOST_MOMENTUM = 0.99
_LEFT_AFTER_AN_EPOCH = 0.01
"""Weight of the first values of an average after one epoch."""


def compile_network(
    model: ModelConfig, train: TrainConfig, train_set: TrainSet, statistics: Statistics, *, augment: AugmentConfig
) -> keras.Model:
    """Seeds Keras, builds the network and compiles it; what `augment` says decides how many steps an epoch has.

    Raises:
        TrainError: several graphics cards cannot train this network, or trees are to classify and it has no features for them.
        ArtifactError: they are, and XGBoost is not installed.
    """
    keras.backend.clear_session()  # or names count on from a network made before, and the saved file with them
    keras.utils.set_random_seed(train.seed)
    if train.deterministic:
        tf.config.experimental.enable_op_determinism()
    mean, divisor = statistics.scaling()
    with strategy_scope():
        network = build_network(
            model,
            shape=train_set.shape,
            num_classes=train_set.num_classes,
            mean=mean,
            divisor=divisor,
            momentum=averaging_momentum(num_train_batches(train_set, augment, train.batch_size)),
        )
        check_copies(network, model, train)
        compile_anew(network, model, train)
        settle_copies(network)
    check_classifier(network, model)
    return network


def compile_anew(network: keras.Model, model: ModelConfig, train: TrainConfig) -> None:
    """Gives a network a new optimizer, the loss that was asked for, and the accuracy of its head."""
    objective = objective_of(model, train.loss)
    optimizer = make_optimizer(train.optimizer)
    network.compile(
        optimizer=scaled(optimizer) if train.devices.mixed_precision else optimizer,
        loss=objective.loss,
        metrics=[objective.accuracy],
        jit_compile=train.devices.xla,  # Keras' own choice depends on whether operations are deterministic
    )


def averaging_momentum(steps_per_epoch: int) -> float:
    """Momentum with which the averages of batch normalisation forget what they started from within the first epoch.

    Keras' 0.99 takes some hundred steps; on a small set, early stopping and evaluation would judge averages that are far from
    those of the weights. From 459 steps on it is Keras' own.

    >>> averaging_momentum(2), averaging_momentum(1000)
    (0.1, 0.99)
    """
    return round(min(_MOST_MOMENTUM, math.pow(_LEFT_AFTER_AN_EPOCH, 1 / steps_per_epoch)), 6)
