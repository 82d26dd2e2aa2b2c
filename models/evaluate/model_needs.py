"""What a model file would need in memory, found before anything is allocated.

Keras builds every layer of config.json with its weights before it opens the weights file, so a file of some KB can ask for
terabytes. Here the layers are built first in a scope in which weights have a shape and no values: a dense layer of 10^11 units
takes 9 ms and no memory. A file that needs no more than it holds is loaded afterwards.
"""

import json
import math
import zipfile
from pathlib import Path

import h5py
import keras

from dataprep.core.errors import ArtifactError, in_short
from dataprep.store.shards import ShardIndex
from models.train.model_file import model_fault

MAX_BYTES = 2**36
"""64 GiB for what the layers put out; as much as params.yaml may ask for."""

_VALUE_BYTES = 4  # float32


def check_needs(path: Path, archive: zipfile.ZipFile, index: ShardIndex) -> None:
    """Refuses a model file whose network needs more than the file holds, or takes or gives other shapes.

    Args:
        path: of the file, for messages.
        archive: the open file.
        index: of the images that the network is to see.

    Raises:
        ArtifactError: also where config.json is damaged, or names what only code could make.
    """
    held = archive.getinfo("model.weights.h5").file_size
    try:
        config = json.loads(archive.read("config.json"))
        with keras.StatelessScope(initialize_variables=False):
            network = keras.saving.deserialize_keras_object({**config, "compile_config": None}, safe_mode=True)
        shapes = network.input_shape, network.output_shape
        wanted = sum(math.prod(weight.shape) for weight in network.weights)
        unpacked = _unpacked_bytes(archive)
    except Exception as error:  # Keras and h5py report damage in many classes
        raise model_fault(path, f"cannot be loaded as a Keras model ({in_short(error)})") from error
    finally:
        keras.backend.clear_session(free_memory=False)  # or Keras gives the weights of this network values later
    expected = (None, *index.shape), (None, len(index.class_names))
    if shapes != expected:
        raise model_fault(path, f"must take {expected[0]} and give {expected[1]}; it takes {shapes[0]} and gives {shapes[1]}")
    if wanted > held:
        raise model_fault(
            path, f"must hold the weights of its layers; these have {wanted:,} and model.weights.h5 {held:,} bytes"
        )
    if unpacked > held:
        raise model_fault(path, f"must hold its weights unpacked; model.weights.h5 has {held:,} bytes and claims {unpacked:,}")


def check_batch(network: keras.Model, batch_size: int) -> None:
    """Refuses a batch on which the layers would put out more than a machine at hand can hold.

    Raises:
        ArtifactError: with the sum.
    """
    values = _num_values(network)
    needed = values * batch_size * _VALUE_BYTES
    if needed > MAX_BYTES:
        raise ArtifactError(
            f"the network must evaluate a batch in at most {MAX_BYTES // 2**30} GiB; its layers put out {values:,} values "
            f"of an image, x evaluate.batch_size {batch_size:,} x {_VALUE_BYTES} bytes = {needed / 2**30:,.0f} GiB. "
            "Reduce evaluate.batch_size, or run: dvc repro train"
        )


def _unpacked_bytes(archive: zipfile.ZipFile) -> int:
    """Bytes of all arrays of the weights file by their shapes; chunks that were packed or never written count in full."""
    sizes: list[int] = []

    def add(_: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            sizes.append(math.prod(item.shape) * item.dtype.itemsize)

    with archive.open("model.weights.h5") as member, h5py.File(member, "r") as file:
        file.visititems(add)
    return sum(sizes)


def _num_values(network: keras.Model) -> int:
    """Numbers that the layers put out for one image."""
    total = 0
    for operation in network.layers if isinstance(network, keras.Sequential) else network.operations:
        if isinstance(operation, keras.Model):
            total += _num_values(operation)
        else:
            outputs = keras.tree.flatten(operation.output)
            total += sum(math.prod(length or 1 for length in output.shape[1:]) for output in outputs)
    return total
