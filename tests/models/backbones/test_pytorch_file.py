"""What a doctored PyTorch file can do: nothing but be refused."""

import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.backbones.pytorch_file import decode_pytorch_weights

MAGIC = 0x1950A86A20F9469CFC6C
TYPES = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
FLOATS = np.arange(6, dtype="<f4")


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value: int) -> bytes:
    return pickle.dumps(value, protocol=2)[2:-1]


def numbers(*values: int) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(
    *, key: str = "7", length: int = 6, offset: int = 0, shape: tuple[int, ...] = (2, 3), strides: tuple[int, ...] = (3, 1)
) -> bytes:
    """The opcodes with which PyTorch writes a tensor of floats."""
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu") + number(length) + b"NtQ"
    arguments = storage + number(offset) + numbers(*shape) + numbers(*strides) + b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def state(**entries: bytes) -> bytes:
    items = b"".join(text(name) + entry for name, entry in entries.items())
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u."


def file_of(
    objects: bytes,
    *,
    keys: object = ("7",),
    lengths: tuple[int, ...] = (6,),
    values: bytes = FLOATS.tobytes(),
    head: tuple[object, ...] = (MAGIC, 1001, TYPES),
) -> bytes:
    listed = list(keys) if isinstance(keys, tuple) else keys
    pickles = b"".join(pickle.dumps(part, protocol=2) for part in head) + objects + pickle.dumps(listed, protocol=2)
    return pickles + b"".join(struct.pack("<q", length) for length in lengths) + values


def test_tensors_are_read_as_they_were_written() -> None:
    found = decode_pytorch_weights(
        file_of(state(a=tensor(), b=tensor(shape=(3, 2), strides=(1, 3)), c=tensor(offset=5, shape=(), strides=())))
    )
    assert list(found) == ["a", "b", "c"]
    assert np.array_equal(found["a"], FLOATS.reshape(2, 3))
    assert np.array_equal(found["b"], FLOATS.reshape(2, 3).T)
    assert found["c"].shape == ()
    assert found["c"] == 5
    assert not any(array.flags.writeable for array in found.values())


class Call:
    """Pickled as a call of any function."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def named(name: bytes) -> bytes:
    return b"\x80\x02c" + name + b"\n)R."


CALLS = {
    "posix.system": pickle.dumps(Call(os.system, "touch executed"), protocol=2),
    "__builtin__.eval": pickle.dumps(Call(eval, "open('executed', 'w')"), protocol=2),
    "builtins.exec": pickle.dumps(Call(exec, "open('executed', 'w')"), protocol=4),  # by STACK_GLOBAL
    "__builtin__.getattr": pickle.dumps(Call(getattr, "a", "upper"), protocol=2),
    "torch.load": named(b"torch\nload"),
    "torch.storage._load_from_bytes": named(b"torch.storage\n_load_from_bytes"),
    "torch._utils._rebuild_parameter": named(b"torch._utils\n_rebuild_parameter"),
    "torch.HalfStorage": named(b"torch\nHalfStorage"),
    "torch.FloatStorage.from_buffer": named(b"torch\nFloatStorage.from_buffer"),
    "collections.OrderedDict.__init__": named(b"collections\nOrderedDict.__init__"),
    "collections.defaultdict": named(b"collections\ndefaultdict"),
    "os.system": b"\x80\x02(X\x0e\x00\x00\x00touch executedios\nsystem\n.",  # by INST
}


@pytest.mark.parametrize(("name", "objects"), CALLS.items(), ids=CALLS.keys())
def test_a_name_beyond_the_list_is_refused_and_not_called(
    name: str, objects: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="cannot be read as weights") as error:
        decode_pytorch_weights(file_of(objects))
    assert f"it names {name!r}, which no file of weights needs" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_hostile_pickle_is_refused_wherever_in_the_file_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = Call(os.system, "touch executed")
    for number_of in range(3):
        head: list[object] = [MAGIC, 1001, TYPES]
        head[number_of] = hostile
        with pytest.raises(ValueError, match=r"it names 'posix\.system'"):
            decode_pytorch_weights(file_of(state(a=tensor()), head=tuple(head)))
    with pytest.raises(ValueError, match=r"it names 'posix\.system'"):
        decode_pytorch_weights(file_of(state(a=tensor()), keys=hostile))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_cut_anywhere_is_refused() -> None:
    whole = file_of(state(a=tensor()))
    decode_pytorch_weights(whole)
    for length in range(len(whole)):
        with pytest.raises(ValueError, match=r"cannot be read as weights|must hold 6 values in storage '7'"):
            decode_pytorch_weights(whole[:length])


HUGE = 2**60
REFUSED = {
    "a huge storage": (file_of(state(a=tensor(length=HUGE)), lengths=(HUGE,)), "which is no storage"),
    "a storage larger than the file": (
        file_of(state(a=tensor(length=2**39)), lengths=(2**39,)),
        "must hold 549,755,813,888 values in storage '7'; it says 549,755,813,888, and 24 bytes are left",
    ),
    "a storage of another length than stated": (
        file_of(state(a=tensor()), lengths=(5,)),
        "must hold 6 values in storage '7'; it says 5, and 24 bytes are left",
    ),
    "a storage of negative length": (file_of(state(a=tensor(length=-1)), lengths=(-1,)), "which is no storage"),
    "a huge tensor of a small storage": (file_of(state(a=tensor(shape=(2**30, 2**30), strides=(0, 0)))), "not within 6 values"),
    "a tensor beyond its storage": (file_of(state(a=tensor(shape=(2, 4)))), "not within 6 values"),
    "a tensor that starts beyond its storage": (file_of(state(a=tensor(offset=6))), "from 6 is not within 6 values"),
    "a tensor whose strides lead out": (file_of(state(a=tensor(strides=(6, 1)))), "not within 6 values"),
    "a tensor before its storage": (file_of(state(a=tensor(offset=-1))), "one entry is none, but a _Tensor"),
    "a tensor whose strides go back": (file_of(state(a=tensor(strides=(-1, 1)))), "one entry is none, but a _Tensor"),
    "a tensor with a stride too few": (file_of(state(a=tensor(strides=(1,)))), "one entry is none, but a _Tensor"),
    "a tensor of 65 dimensions": (file_of(state(a=tensor(shape=(1,) * 65, strides=(1,) * 65))), "dimension"),
    "numbers of thousands of digits": (file_of(state(a=tensor(offset=10**5000))), "one entry is none, but a _Tensor"),
    "no tensor": (file_of(state(a=number(1))), "one entry is none, but a int"),
    "no names": (file_of(b"\x80\x02]."), "with tensors by name; it is not"),
    "a storage that is not listed": (file_of(state(a=tensor()), keys=("8",)), "must list the storages of its tensors"),
    "a storage that is listed twice": (file_of(state(a=tensor()), keys=("7", "7")), "must list the storages of its tensors"),
    "keys that are none": (file_of(state(a=tensor()), keys=([],)), "must list the storages of its tensors"),
    "one storage of two lengths": (file_of(state(a=tensor(), b=tensor(length=3))), "must list the storages of its tensors"),
    "bytes after the last storage": (file_of(state(a=tensor())) + b"!", "must end after its last storage; 1 bytes follow"),
    "another magic number": (file_of(state(a=tensor()), head=(MAGIC + 1, 1001, TYPES)), "must be of PyTorch's old layout"),
    "another version": (file_of(state(a=tensor()), head=(MAGIC, 1002, TYPES)), "must be of PyTorch's old layout"),
    "big-endian": (file_of(state(a=tensor()), head=(MAGIC, 1001, {"little_endian": False})), "must be of PyTorch's old layout"),
    "PyTorch's new layout, a zip": (b"PK\x03\x04" + bytes(100), "cannot be read as weights"),
    "nothing": (b"", "cannot be read as weights"),
    "lists in lists in lists": (
        file_of(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."),
        "with tensors by name; it is not",
    ),
    "a reference without end": (file_of(b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b"Q."), "cannot be read as weights"),
}


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_file_of_weights_is_refused_in_one_line(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        decode_pytorch_weights(content)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


NAMES = (b"torch._utils\n_rebuild_tensor_v2", b"collections\nOrderedDict", b"torch\nFloatStorage")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("attributes", ["a dictionary", "slots"])
def test_what_the_list_allows_cannot_be_changed_for_the_next_file(name: bytes, attributes: str) -> None:
    marks = b"}(" + text("mark") + text("left") + b"u"
    build = marks + b"b" if attributes == "a dictionary" else b"N" + marks + b"\x86b"
    with pytest.raises(ValueError, match=r"cannot be read as weights .*(Attribute|Type)Error"):
        decode_pytorch_weights(file_of(b"\x80\x02c" + name + b"\n" + build + b"."))
