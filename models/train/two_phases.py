"""Training in two phases: the layers behind a frozen backbone first, then the backbone's last layers as well.

In the first phase the features of an image are always the same, unless the image is varied. Where they are, they are computed
once, and an epoch takes seconds. Where images are varied, `model.network.varied_copies` variations of each are computed once,
and the epochs take turns with them; with 0 each epoch varies the images anew and runs them through the whole network.

The second phase is `model.network.fine_tune`. A network without a backbone has one phase.
"""

from collections.abc import Sequence
from functools import partial

import keras
import polars as pl
import tensorflow as tf

from dataprep.augment.drawn_parameters import active_operations
from dataprep.augment.mixing import is_mixing
from dataprep.config.augment import AugmentConfig
from dataprep.core.artifacts import Place
from dataprep.feed.batches import Order, TrainSet
from dataprep.store.shards import read_index
from models.config.model import ModelConfig
from models.config.network_kinds import FineTune
from models.config.train import TrainConfig
from models.layers.features import FEATURES
from models.layers.leaf_layers import leaf_layers
from models.train.checkpoints import CheckpointFile, Checkpoints
from models.train.compiled_network import compile_anew
from models.train.early_stopping import costs_of
from models.train.fit import Feed, fit, fit_datasets
from models.train.kept_features import (
    BATCH,
    keep_features,
    num_epoch_batches,
    ordered_dataset,
    shuffled_dataset,
    split_at_features,
)
from models.train.mixed_precision import fitting_precision
from models.train.nan_cause import cause_of_no_number
from models.train.progress import UNWATCHED, Progress
from models.train.readiness import check_ready
from models.train.reconstruction import in_training
from models.train.tf_datasets import Failures, own_failures, train_dataset, validation_dataset, with_sample_weights


def fit_in_phases(
    network: keras.Model,
    train_set: TrainSet,
    *,
    model: ModelConfig,
    prepared: Place,
    config: TrainConfig,
    augment: AugmentConfig,
    workers: int,
    callbacks: Sequence[keras.callbacks.Callback],
    checkpoints: Checkpoints | None,
    progress: Progress = UNWATCHED,
) -> pl.DataFrame:
    """Fits a network in the phases that it has; in the end it has the weights of the best epoch of all.

    Args:
        network: compiled; changed in place.
        train_set: what to fit on.
        model: the settings of the network.
        prepared: the folder with the validation shards.
        config: epochs, batch size, when to stop, seed of the order.
        augment: what may happen to train images.
        workers: processes that vary them beside the training step; 0 = none.
        callbacks: called after each epoch.
        checkpoints: where each epoch is kept, so that a killed training goes on; None keeps none.
        progress: shows how far it is.

    Raises:
        TrainError, DarkroomError, OSError: as `models.train.fit.fit` does.

    Returns:
        One row per epoch, as `fit` returns them; the epochs of the second phase count on.
    """
    if (trained := in_training(network)) is not network:
        compile_anew(trained, model, config)
    with fitting_precision(trained, mixed=config.devices.mixed_precision):
        on_images = partial(fit, prepared=prepared, augment=augment, workers=workers, callbacks=callbacks, progress=progress)
        on_images = partial(on_images, first_cause=cause_of_no_number(model, config))
        num_copies = _num_copies(network, model, augment)
        fine_tune: FineTune | None = getattr(model.network, "fine_tune", None)
        first_file, second_file = (checkpoints.of_phase(number) if checkpoints else None for number in (1, 2))
        if num_copies:
            on_features = partial(_fit_on_features, prepared=prepared, augment=augment, workers=workers, callbacks=callbacks)
            first = on_features(
                network, train_set, num_copies, model=model, config=config, progress=progress, checkpoint=first_file
            )
        else:
            first = on_images(trained, train_set, config=config, checkpoint=first_file)
        if fine_tune is None:
            return first
        before = network.get_weights()
        unfreeze_last(network, fine_tune.layers)
        config = _at_rate_of(fine_tune, config)
        compile_anew(network, model, config)
        second = on_images(
            network, train_set, config=config, checkpoint=second_file, rate_key="model.network.fine_tune.learning_rate"
        )
        if not _least(second, config) < _least(first, config):
            network.set_weights(before)
        return pl.concat([first, second.with_columns(pl.col("epoch") + first.height)])


def unfreeze_last(network: keras.Model, num_layers: int) -> None:
    """Lets the last layers of a frozen backbone be trained; its batch normalisation stays as it is and does not count.

    Args:
        network: not compiled yet, or to be compiled anew.
        num_layers: of those that have weights to train; more than there are mean all.
    """
    backbone = next(layer for layer in network.layers if isinstance(layer, keras.Model))
    backbone.trainable = True
    leaves = list(leaf_layers(backbone))
    trained = [layer for layer in leaves if layer.trainable_weights and not isinstance(layer, keras.layers.BatchNormalization)]
    for layer in leaves:
        layer.trainable = layer in trained[-num_layers:]


def _num_copies(network: keras.Model, model: ModelConfig, augment: AugmentConfig) -> int:
    """Of how many variations of each image features are kept; 0 where the whole network must see each image in each epoch."""
    frozen = any(layer.name == FEATURES for layer in network.layers)
    if not frozen or model.input_noise:
        return 0
    varied = augment.online and (active_operations(augment) or is_mixing(augment))
    if varied or augment.balance != "none":  # which draws images anew for each epoch
        return getattr(model.network, "varied_copies", 0)
    return 1


def _fit_on_features(
    network: keras.Model,
    train_set: TrainSet,
    num_copies: int,
    *,
    model: ModelConfig,
    prepared: Place,
    config: TrainConfig,
    augment: AugmentConfig,
    workers: int,
    callbacks: Sequence[keras.callbacks.Callback],
    progress: Progress,
    checkpoint: CheckpointFile | None,
) -> pl.DataFrame:
    check_ready(train_set, read_index(prepared, stage="prepare"), config, augment)
    backbone, rest = split_at_features(network)
    order = Order(BATCH, config.seed, config.memory_gib)
    failures: Failures = []

    def feed() -> Feed:
        varied = train_dataset(train_set, augment, order, epochs=range(1, num_copies + 1), workers=workers, failures=failures)
        validation = validation_dataset(prepared, train_set, augment, batch_size=BATCH, failures=failures)
        stream, per_copy = iter(varied), len(varied) // num_copies
        copies = [keep_features(backbone, stream, num_batches=per_copy, progress=progress) for _ in range(num_copies)]
        kept = keep_features(backbone, iter(validation), num_batches=len(validation), progress=progress)

        def train(epochs: range) -> tf.data.Dataset:
            shuffled = shuffled_dataset(copies, batch_size=config.batch_size, seed=config.seed, epochs=epochs)
            return with_sample_weights(shuffled, train_set.num_classes)

        return Feed(
            train,
            num_epoch_batches(copies, config.batch_size),
            len(copies[0].rows),
            ordered_dataset(kept, batch_size=config.batch_size),
        )

    compile_anew(rest, model, config)
    with own_failures(failures):
        cause = cause_of_no_number(model, config)
        return fit_datasets(
            rest, feed, config=config, callbacks=callbacks, progress=progress, checkpoint=checkpoint, first_cause=cause
        )


def _at_rate_of(fine_tune: FineTune, config: TrainConfig) -> TrainConfig:
    optimizer = config.optimizer.model_copy(update={"learning_rate": fine_tune.learning_rate})
    return config.model_copy(update={"epochs": fine_tune.epochs, "optimizer": optimizer})


def _least(epochs: pl.DataFrame, config: TrainConfig) -> float:
    """What the best epoch costs."""
    return min(costs_of(config.early_stopping, epochs.to_dicts()))
