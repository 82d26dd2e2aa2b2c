"""What a home folder, the environment or the machine may change in Keras: set to one value, or written into the model file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from pydantic import Field, ValidationError

from dataprep.core.artifacts import Document
from dataprep.core.errors import TrainError, shortened
from dataprep.execute.executor import num_cores
from models.train.model_file import RECIPE, model_fault, open_model_file, read_recipe

_MOST_THREADS = 1024

_LEVELS = (
    ("avx512", ("X86_V4", "AVX512_SKX")),
    ("avx2", ("X86_V3", "AVX2")),
    ("sve", ("SVE",)),
    ("neon", ("ASIMD", "NEON")),
)
"""Instruction sets by which TensorFlow and oneDNN choose their code, the widest first, as numpy names them."""


class Environment(Document):
    """What shapes the weights beside data, parameters and versions."""

    threads: Annotated[
        int, Field(strict=True, ge=1, le=_MOST_THREADS)
    ]  # among which TensorFlow divides a sum; another number rounds differently
    instruction_set: str
    device: str


def settle_keras(threads: int) -> Environment:
    """Sets all that Keras reads from `keras.json` and the environment, and how many threads TensorFlow computes with.

    Args:
        threads: 0 = one for each core that this process may use.

    Raises:
        TrainError: Keras was imported with another backend.
    """
    if keras.config.backend() != "tensorflow":
        raise TrainError(
            f"Keras must have the backend 'tensorflow'; it has {keras.config.backend()!r}. Unset KERAS_BACKEND and run again"
        )
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
    asked = threads or min(num_cores(), _MOST_THREADS)
    if tf.config.threading.get_intra_op_parallelism_threads() != asked:
        tf.config.threading.set_intra_op_parallelism_threads(asked)
    return Environment(threads=asked, instruction_set=_instruction_set(), device=_device())


def settle_keras_where_free(threads: int) -> None:
    """As `settle_keras`; where TensorFlow computes in this process already, its threads stay, and last digits may differ."""
    try:
        settle_keras(threads)
    except RuntimeError:  # TensorFlow's answer when its threads are changed too late
        return


@contextmanager
def keras_settings_kept() -> Iterator[None]:
    """Whatever is settled within, Keras' own settings are afterwards as they were: the rest of the program may need them.

    TensorFlow's threads stay, since they can be set once only. A network that was loaded within carries its settings in its
    layers, and computes the same afterwards.
    """
    kept = keras.config
    settings = (
        (kept.set_floatx, kept.floatx()),
        (kept.set_dtype_policy, kept.dtype_policy()),
        (kept.set_epsilon, kept.epsilon()),
        (kept.set_image_data_format, kept.image_data_format()),
        (kept.set_max_epochs, kept.max_epochs()),
        (kept.set_max_steps_per_epoch, kept.max_steps_per_epoch()),
    )
    try:
        yield
    finally:
        for put_back, value in settings:
            put_back(value)


def threads_of(path: Path) -> int:
    """The threads that a model was trained with, 0 where its file does not say: predictions are rounded as in training.

    Raises:
        ArtifactError: the file is missing, no model of Darkroom, or says a number of threads that cannot be.
    """
    with open_model_file(path) as archive:
        said = read_recipe(path, archive).get("environment")
    if said is None:
        return 0
    try:
        return Environment.model_validate(said).threads
    except ValidationError as error:
        raise model_fault(
            path,
            f"must say in metadata.json, under '{RECIPE}.environment', the threads (1 to {_MOST_THREADS:,}), instruction_set "
            f"and device of its training; got {shortened(said)}",
        ) from error


def _instruction_set() -> str:
    extensions = np.show_config(mode="dicts")["SIMD Extensions"]
    known = {*extensions["baseline"], *extensions.get("found", [])}
    return next((level for level, names in _LEVELS if known & set(names)), "basic")


def _device() -> str:
    cards = tf.config.get_visible_devices("GPU")
    if not cards:
        return "CPU"
    name = str(tf.config.experimental.get_device_details(cards[0]).get("device_name", "GPU"))
    return name if len(cards) == 1 else f"{len(cards)} x {name}"
