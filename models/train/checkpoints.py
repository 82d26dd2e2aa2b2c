"""What a training needs to go on after its last complete epoch, as one file that is whole or absent.

Arrays are in NumPy's .npz without pickle: the variables of network and optimizer (seeds of dropout and noise among them), and
the weights of the best epoch. The history stands beside them as JSON. Schedules and early stopping are functions of the history
and have nothing to store. A fingerprint binds a checkpoint to what decides a training; one of another training, or a damaged
one, is not used. A training in phases has one file for each; that of a phase which is over stays until all are.
"""

import io
import json
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from shutil import rmtree

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from pydantic import BaseModel

from dataprep.core.artifacts import read_bytes, write_bytes
from models.layers.features import weights_hash

Arrays = list[NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """Where the checkpoint of one training is, and the fingerprint of all that decides this training."""

    path: Path
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The folder with the checkpoints of one training, and the fingerprint of all that decides it."""

    folder: Path
    fingerprint: str

    def of_phase(self, number: int) -> CheckpointFile:
        """The checkpoint of one phase, 1 and up."""
        return CheckpointFile(self.folder / f"phase_{number}.npz", self.fingerprint)

    def remove(self) -> None:
        """Removes them all, when the training has ended and what it made is written."""
        rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a training after a complete epoch.

    Attributes:
        epochs: rows of the history.
        seconds: that the epochs took.
        state: from `state_of`.
        best: weights of the best epoch.
    """

    epochs: list[dict[str, float]]
    seconds: float
    state: Arrays
    best: Arrays


def fingerprint_of(network: keras.Model, *documents: BaseModel, image_weights: NDArray[np.float32] | None = None) -> str:
    """A hash of all that decides a training: these parameters and data, our code, and the versions of the libraries.

    Args:
        network: before its first step. Its weights may be from a file, which the parameters only name.
        documents: parameters and data.
        image_weights: of the train images, if they have any.
    """
    digest = blake2b(weights_hash(network).encode(), digest_size=16)
    digest.update(b"" if image_weights is None else image_weights.tobytes())
    for document in documents:
        digest.update(document.model_dump_json().encode())
    for module in (keras, np, tf):
        digest.update(f"{module.__name__} {module.__version__}".encode())
    ours = [module for name, module in sys.modules.items() if name.startswith(("dataprep.", "models."))]
    for path in sorted({module.__file__ for module in ours if module.__file__}):
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()


def state_of(network: keras.Model) -> Arrays:
    """All that one training step reads and changes: weights, averages, states of random layers, and of the optimizer."""
    return [np.asarray(variable) for variable in _variables(network)]


def restore_state(network: keras.Model, state: Arrays) -> None:
    """Puts the state back into a compiled network whose optimizer has not taken a step yet."""
    with network.distribute_strategy.scope():  # each card has its own copy of what is made here
        network.optimizer.build(network.trainable_variables)
    for variable, value in zip(_variables(network), state, strict=True):
        variable.assign(value)


def write_checkpoint(file: CheckpointFile, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint whole, in the place of the one before."""
    header = {"fingerprint": file.fingerprint, "epochs": checkpoint.epochs, "seconds": checkpoint.seconds}
    arrays = {f"state_{number}": values for number, values in enumerate(checkpoint.state)}
    arrays |= {f"best_{number}": values for number, values in enumerate(checkpoint.best)}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), **arrays)
    write_bytes(file.path, [buffer.getbuffer()])


def read_checkpoint(file: CheckpointFile) -> Checkpoint | None:
    """The checkpoint of this very training, if there is a whole one."""
    try:
        with np.load(io.BytesIO(read_bytes(file.path)), allow_pickle=False) as arrays:
            header = json.loads(arrays["header"].tobytes())
            if header["fingerprint"] != file.fingerprint:
                return None
            return Checkpoint(header["epochs"], header["seconds"], _numbered(arrays, "state"), _numbered(arrays, "best"))
    except (FileNotFoundError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _variables(network: keras.Model) -> Sequence[keras.Variable]:
    return [*network.variables, *network.optimizer.variables]


def _numbered(arrays: np.lib.npyio.NpzFile, name: str) -> Arrays:
    count = sum(key.startswith(f"{name}_") for key in arrays.files)
    return [arrays[f"{name}_{number}"] for number in range(count)]
