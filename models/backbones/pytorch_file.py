"""Reads weights from a PyTorch file in its old layout, without PyTorch, and without calling what the file names.

The old layout (`torch.save` before PyTorch 1.6) is five pickles, one after the other:

1. a magic number
2. the version of the layout
3. byte order and sizes of types
4. the state: for each name, which part of which storage its tensor is
5. the keys of the storages

After them come the storages in the order of their keys: 8 bytes with the number of values, then the values.

A pickle is a program. It may call whatever function it names, so this module answers to four names only: a dictionary, two
strings that stand for types, and what makes a named tuple. The storages are no pickles; they are read here as plain numbers.
"""

import io
import math
import pickle  # only with `_Unpickler`, which knows four names
import struct
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from dataprep.core.errors import in_short, shortened

Weights = dict[str, NDArray[np.generic]]

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_MOST_VALUES = 2**40  # far more than a file of weights holds; larger numbers are no use even in a message
_LENGTH = struct.Struct("<q")


class _Storage(NamedTuple):
    """A block of numbers of one type, as the state refers to it."""

    dtype: str
    key: str
    num_values: int


class _Tensor(NamedTuple):
    """A part of a storage: the arguments of `torch._utils._rebuild_tensor_v2`, which is not called."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool
    hooks: object


class _RebuildTensor:
    """Stands for the function of that name. It has no attributes, since a pickle may set those of whatever it names."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> _Tensor:
        return _Tensor(*arguments)


_ALLOWED: Mapping[tuple[str, str], object] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _RebuildTensor(),
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}


class _Unpickler(pickle.Unpickler):
    """Knows the names in `_ALLOWED` and nothing else."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ALLOWED:
            raise ValueError(f"it names {shortened(f'{module}.{name}')}, which no file of weights needs")
        return _ALLOWED[module, name]

    def persistent_load(self, reference: object) -> _Storage:
        match reference:
            case ("storage", "<f4" | "<i8" as dtype, str(key), str(), int(num_values), None) if 0 <= num_values <= _MOST_VALUES:
                return _Storage(dtype, key, num_values)
        raise ValueError(f"it refers to {shortened(reference)}, which is no storage")


def decode_pytorch_weights(content: bytes) -> Weights:
    """The arrays of a PyTorch file in its old layout, by name.

    Args:
        content: of the file. Check its hash first: what is not read cannot do harm.

    Returns:
        Read-only arrays of float32 or int64, in the file's order, as views of `content`.

    Raises:
        ValueError: these are no such weights; the message is the second half of a sentence about the file.
    """
    file = io.BytesIO(content)
    try:
        magic, version, types, state, keys = (_Unpickler(file).load() for _ in range(5))
    except Exception as error:  # a doctored pickle fails in many classes
        raise ValueError(f"cannot be read as weights of PyTorch's old layout ({in_short(error)})") from error
    expected = isinstance(types, dict) and isinstance(state, OrderedDict) and isinstance(keys, list)
    if not expected or (magic, version, types.get("little_endian")) != (_MAGIC, _VERSION, True):
        raise ValueError(f"must be of PyTorch's old layout, version {_VERSION}, little-endian, with tensors by name; it is not")
    tensors = {name: _checked(name, tensor) for name, tensor in state.items()}
    storages = _storages(content[file.tell() :], keys, {tensor.storage for tensor in tensors.values()})
    return {name: _part(name, storages[tensor.storage.key], tensor) for name, tensor in tensors.items()}


def _checked(name: object, tensor: object) -> _Tensor:
    """A tensor, once it is sure that it is one: a pickle may put anything into a named tuple."""
    match tensor:
        case _Tensor(_Storage(), offset, tuple(shape), tuple(strides)) if isinstance(name, str) and len(shape) == len(strides):
            if all(type(value) is int and 0 <= value <= _MOST_VALUES for value in (offset, *shape, *strides)):
                return tensor
    raise ValueError(f"must hold tensors by name; one entry is none, but a {type(tensor).__name__}")


def _storages(content: bytes, keys: list[object], wanted: set[_Storage]) -> Weights:
    """Cuts the rest of the file into storages. Nothing is allocated by what the file claims."""
    by_key = {storage.key: storage for storage in wanted}
    names = [key for key in keys if isinstance(key, str)]
    if not len(names) == len(keys) == len(by_key) == len(wanted) or set(names) != set(by_key):
        raise ValueError("must list the storages of its tensors, each once; it lists others")
    storages: Weights = {}
    place = 0
    for key in names:
        storage = by_key[key]
        (num_values,) = _LENGTH.unpack(content[place : place + _LENGTH.size].ljust(_LENGTH.size, b"\0"))
        start, num_bytes = place + _LENGTH.size, storage.num_values * np.dtype(storage.dtype).itemsize
        place = start + num_bytes
        if num_values != storage.num_values or place > len(content):
            raise ValueError(
                f"must hold {storage.num_values:,} values in storage {shortened(key)}; it says {num_values:,}, and "
                f"{max(0, len(content) - start):,} bytes are left"
            )
        storages[key] = np.frombuffer(content, storage.dtype, storage.num_values, start)
    if place != len(content):
        raise ValueError(f"must end after its last storage; {len(content) - place:,} bytes follow")
    return storages


def _part(name: str, values: NDArray[np.generic], tensor: _Tensor) -> NDArray[np.generic]:
    """A view of a storage, which lies within it. PyTorch counts strides in values, numpy in bytes."""
    num_values = math.prod(tensor.shape)
    last = tensor.offset + sum((side - 1) * stride for side, stride in zip(tensor.shape, tensor.strides, strict=True))
    if num_values > len(values) or (num_values and last >= len(values)):
        raise ValueError(
            f"must hold each tensor within its storage; {shortened(name)} of shape {shortened(tensor.shape)} with strides "
            f"{shortened(tensor.strides)} from {tensor.offset:,} is not within {len(values):,} values"
        )
    strides = [stride * values.itemsize for stride in tensor.strides]
    return as_strided(values[tensor.offset :], tensor.shape, strides, writeable=False)
