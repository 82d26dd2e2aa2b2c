"""What a training computes on: the processor, one graphics card, or several with a copy of the network on each."""

from contextlib import AbstractContextManager, nullcontext
from functools import cache

import keras
import numpy as np
import tensorflow as tf

from dataprep.core.errors import TrainError
from models.config.model import ModelConfig
from models.config.train import DevicesConfig, TrainConfig
from models.layers.autoencoder_lookup import autoencoder_of
from models.layers.features import FEATURES
from models.layers.leaf_layers import leaf_layers
from models.train.keras_environment import Environment, settle_keras


def settle_devices(config: TrainConfig) -> Environment:
    """Sets the cards, the threads and all else that decides how Keras computes; to be called before it computes anything.

    Raises:
        TrainError: there are fewer cards than `train.devices.gpus` says, or several with XLA.
    """
    choose_gpus(config.devices.gpus)
    num_gpus = len(tf.config.get_visible_devices("GPU"))
    if num_gpus > 1 and config.devices.xla:
        raise TrainError(
            f"params.yaml: train.devices.xla must be false on several GPUs; here are {num_gpus}. Set it to false, or "
            "train.devices.gpus to 1"
        )
    return settle_keras(config.threads)


def choose_gpus(asked: int) -> None:
    """Hides all cards but the first.

    Args:
        asked: how many stay; 0 = all.

    Raises:
        TrainError: there are fewer.
    """
    found = tf.config.list_physical_devices("GPU")
    if asked > len(found):
        raise TrainError(
            f"params.yaml: train.devices.gpus must be at most the {len(found)} GPUs that TensorFlow finds here; got {asked}. "
            "Lower it; 0 takes what is there"
        )
    if asked and asked < len(found):
        tf.config.set_visible_devices(found[:asked], "GPU")


def strategy_scope() -> AbstractContextManager[object]:
    """In which a network is made and compiled: with several cards, each has a copy and a part of each batch."""
    names = _gpu_names()
    return _mirrored(*names).scope() if len(names) > 1 else nullcontext()


def check_copies(network: keras.Model, model: ModelConfig, train: TrainConfig) -> None:
    """Refuses what cannot be trained on several cards.

    Raises:
        TrainError: the network is fitted as another that shares its layers, or a batch has less than two images a card.
    """
    num_gpus = len(_gpu_names())
    if num_gpus < 2:
        return
    if autoencoder_of(network) is not None or any(layer.name == FEATURES for layer in network.layers):
        raise TrainError(
            f"params.yaml: train.devices.gpus must be 1 for model.network.kind {model.network.kind!r}, which is trained in "
            f"parts; here are {num_gpus} GPUs. Set it to 1"
        )
    if train.batch_size < 2 * num_gpus:
        raise TrainError(
            f"params.yaml: train.batch_size must be at least 2 for each of {num_gpus} GPUs; got {train.batch_size}. "
            "Enlarge it, or lower train.devices.gpus"
        )


def settle_copies(network: keras.Model) -> None:
    """Makes the copies of a compiled network on several cards one network; nothing with one card.

    Batch normalisation measures the whole batch. Each card would measure its part, and average its own means: what is validated
    would be two networks, and what is saved the first of them. And Keras builds what it compiled without a look at a batch: it
    would take the mean over the parts of the first one, and fail where a card has an image more than another.
    """
    if len(_gpu_names()) < 2:
        return
    for layer in leaf_layers(network):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
    batch = [np.zeros((1, *tensor.shape[1:]), tensor.dtype) for tensor in (network.inputs[0], network.outputs[0])]

    def build(**_: object) -> None:
        with network.distribute_strategy.scope():
            network._symbolic_build(data_batch=tuple(batch))  # noqa: SLF001  # Keras offers no other way

    network._maybe_symbolic_build = build  # noqa: SLF001


def device_line(environment: Environment, devices: DevicesConfig) -> str:
    """On what a training runs, for people.

    >>> environment = Environment(threads=2, instruction_set="avx2", device="CPU")
    >>> device_line(environment, DevicesConfig(gpus=0, mixed_precision=True, xla=False))
    'on CPU, 2 threads, mixed precision (slow here; for speed set train.devices.mixed_precision to false)'
    """
    on_cpu = environment.device == "CPU"
    parts = [f"on {environment.device}"]
    if on_cpu:
        parts.append(f"{environment.threads} threads")
    if devices.mixed_precision:
        slow = " (slow here; for speed set train.devices.mixed_precision to false)" if on_cpu else ""
        parts.append(f"mixed precision{slow}")
    if devices.xla:
        parts.append("XLA")
    return ", ".join(parts)


@cache  # a second strategy of the same process would number its exchanges as the first did, and they would meet
def _mirrored(*names: str) -> tf.distribute.Strategy:
    return tf.distribute.MirroredStrategy(names)


def _gpu_names() -> list[str]:
    return [device.name for device in tf.config.list_logical_devices("GPU")]
