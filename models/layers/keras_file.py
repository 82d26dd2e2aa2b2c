"""A .keras file that somebody else wrote: opened as data, and refused where loading it would run code or take the memory.

Keras builds every layer of config.json with its weights before it opens the weights file, so a file of some KB can ask for
terabytes. Here the layers are built first in a scope in which weights have a shape and no values: a dense layer of 10^11 units
takes 9 ms and no memory. A file that needs no more than it holds is loaded afterwards.
"""

import json
import math
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from dataprep.core.artifacts import open_file
from dataprep.core.errors import ArtifactError, first_five, in_short

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

Fault: TypeAlias = Callable[[str], ArtifactError]
"""Makes an error of what is wrong with the file: it knows the file's name, and how to mend it."""

Shapes: TypeAlias = tuple[Any, Any]
"""Of what a network takes and gives; None stands for the number of images."""

WEIGHTS = "model.weights.h5"
_MEMBERS = {"config.json", "metadata.json", WEIGHTS}


@contextmanager
def open_keras_file(path: Path, fault: Fault, *, beside: AbstractSet[str] = frozenset()) -> Iterator[zipfile.ZipFile]:
    """Opens a .keras file that holds what Keras puts there, each once, stored as it is.

    Args:
        path: the file.
        fault: makes the error.
        beside: names of members that it may hold as well.

    Raises:
        FileNotFoundError: it is missing.
        ArtifactError: it is no such file, or would be larger unpacked than it is.
    """
    with open_file(path) as file:
        try:
            archive = zipfile.ZipFile(file)
        except Exception as error:  # a doctored archive fails in many classes
            raise fault(f"cannot be loaded as a Keras model ({in_short(error)})") from error
        members = archive.infolist()
        names = [member.filename for member in members]
        if sorted(names) != sorted(_MEMBERS | beside & set(names)):
            found = first_five(names)
            raise fault(f"must hold {', '.join(sorted(_MEMBERS))}, each once, and nothing else; it holds {found}")
        # Stored members cannot be larger than the file, unless they share its bytes.
        unpacked, size = sum(member.file_size for member in members), os.fstat(file.fileno()).st_size
        if unpacked > size or any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise fault(f"must be stored as it is; its {size:,} bytes are packed and claim to be {unpacked:,}")
        yield archive


def check_needs(archive: zipfile.ZipFile, fault: Fault, check_shapes: Callable[[Shapes], None]) -> None:
    """Refuses a file whose network needs more than the file holds.

    Args:
        archive: the open file.
        fault: makes the error.
        check_shapes: refuses what the network takes and gives, before its weights are looked at.

    Raises:
        ArtifactError: also where config.json is damaged, or names what only code could make.
    """
    import keras

    held = archive.getinfo(WEIGHTS).file_size
    try:
        config = json.loads(archive.read("config.json"))
        with keras.StatelessScope(initialize_variables=False):
            network = keras.saving.deserialize_keras_object({**config, "compile_config": None}, safe_mode=True)
        shapes = network.input_shape, network.output_shape
        wanted = sum(math.prod(weight.shape) for weight in network.weights)
        unpacked = _unpacked_bytes(archive)
    except Exception as error:  # Keras and h5py report damage in many classes
        raise fault(f"cannot be loaded as a Keras model ({in_short(error)})") from error
    finally:
        keras.backend.clear_session(free_memory=False)  # or Keras gives the weights of this network values later
    check_shapes(shapes)
    if wanted > held:
        raise fault(f"must hold the weights of its layers; these have {wanted:,} and {WEIGHTS} {held:,} bytes")
    if unpacked > held:
        raise fault(f"must hold its weights unpacked; {WEIGHTS} has {held:,} bytes and claims {unpacked:,}")


def load_checked(path: Path, fault: Fault) -> "keras.Model":
    """Loads a .keras file in Keras' safe mode, after `check_needs`: a model file is data, no code in it is run.

    Raises:
        ArtifactError: it is damaged, would need code to be run, or has weights that are no numbers.
    """
    import keras

    try:
        network: keras.Model = keras.models.load_model(path, compile=False, safe_mode=True)
        weights = network.get_weights()
    except Exception as error:  # Keras reports damage in many classes, and a truncated file as "File not found"
        raise fault(f"cannot be loaded as a Keras model ({in_short(error)})") from error
    check_finite(weights, fault)
    return network


def check_finite(weights: "Sequence[NDArray[np.float32]]", fault: Fault) -> None:
    """Refuses weights that are no numbers.

    Raises:
        ArtifactError: with how many arrays hold others.
    """
    import numpy as np

    if strange := sum(not np.isfinite(weight).all() for weight in weights):
        raise fault(f"must have weights that are finite numbers; {strange:,} of {len(weights):,} arrays hold others")


def load_saved(path: Path, fault: Fault, check_shapes: Callable[[Shapes], None]) -> "keras.Model":
    """Opens, checks and loads a .keras file.

    Raises:
        ArtifactError: it is missing, or as the three above say.
    """
    try:
        with open_keras_file(path, fault) as archive:
            check_needs(archive, fault, check_shapes)
    except FileNotFoundError as error:
        raise fault("is missing") from error
    return load_checked(path, fault)


def _unpacked_bytes(archive: zipfile.ZipFile) -> int:
    """Bytes of all arrays of the weights file by their shapes; chunks that were packed or never written count in full."""
    import h5py

    sizes: list[int] = []

    def add(_: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            sizes.append(math.prod(item.shape) * item.dtype.itemsize)

    with archive.open(WEIGHTS) as member, h5py.File(member, "r") as file:
        file.visititems(add)
    return sum(sizes)
