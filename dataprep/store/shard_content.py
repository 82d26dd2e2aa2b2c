"""What a shard must hold, and a check of a file against that before any value is read.

Somebody may have manipulated both the HDF5 file and its index, so a right hash shows only that both come from the same author.
So HDF5 is asked for names, types, shapes and offsets alone, and they are used only if they agree with the index and with the
length of the file.
"""

import json
import math
from dataclasses import dataclass

import h5py
import numpy as np

from dataprep.core.artifacts import Place
from dataprep.core.errors import ArtifactError, shortened

FORMAT_VERSION = 2

_EXTRA = "extra"


@dataclass(frozen=True, slots=True)
class ShardLayout:
    """What all shards of a folder share: the shape (H, W, C) of an image, and the class names, by label."""

    shape: tuple[int, int, int]
    class_names: list[str]


@dataclass(frozen=True, slots=True)
class ExpectedShard:
    """What the index and the file system say of one shard, and the stage that makes it."""

    path: Place
    num_bytes: int
    num_images: int
    fingerprint: str
    layout: ShardLayout
    stage: str

    def fault(self, what: str) -> ArtifactError:
        return ArtifactError(f"{self.path}: {what}. Run: dvc repro {self.stage}")


def check_content(file: h5py.File, expected: ExpectedShard) -> None:
    """Checks the attributes and data sets of a shard; reads no image, label or id.

    Raises:
        ArtifactError: the shard differs from the index, or Darkroom did not write it.
    """
    version = _attribute(file, "format_version")
    if version != FORMAT_VERSION:
        raise expected.fault(f"expected shard format version {FORMAT_VERSION}; got {shortened(version)}")
    for name in file.id:
        _check_object(file.id, name, expected.path)
    _check_arrays(file, expected)
    said = {"class_names": json.dumps(expected.layout.class_names), "fingerprint": expected.fingerprint}
    for attribute, wanted in said.items():
        value = _attribute(file, attribute)
        if value != wanted.encode():
            raise expected.fault(f"{attribute} must be {shortened(wanted)}, as the index says; it is {shortened(value)}")


def _check_arrays(file: h5py.File, expected: ExpectedShard) -> None:
    """Checks the types, shapes and offsets of the data sets."""
    rows, shape = (expected.num_images,), expected.layout.shape
    kinds = {
        "images": ("|u1", (*rows, *shape)),
        "labels": ("<i8", rows),
        "ids": ("|S", rows),
        "pixel_sum": ("<u8", shape),
        "pixel_square_sum": ("<u8", shape),
    }
    for name, (kind, wanted) in kinds.items():
        if name not in file:
            raise expected.fault(f"must hold {name!r}; it does not")
        found = file[name].id
        if not found.dtype.str.startswith(kind) or found.shape != wanted:
            raise expected.fault(
                f"{name!r} must be {np.dtype(kind).name} of the shape {wanted}, as the index says; it is "
                f"{found.dtype.name} of {found.shape}"
            )
        _check_offset(found, name, file, expected)
    if unknown := sorted(set(file) - kinds.keys() - {_EXTRA}):
        raise expected.fault(f"holds {shortened(unknown[0])}, which shards do not have")
    for name in file.get(_EXTRA, ()):
        found = file[_EXTRA][name].id
        if found.shape is None or found.shape[:1] != rows:
            raise expected.fault(f"{shortened(f'{_EXTRA}/{name}')} must have {rows[0]:,} rows; its shape is {found.shape}")
        _check_offset(found, name, file, expected)


def _attribute(file: h5py.File, name: str) -> object:
    """An attribute that is one number or one text of a fixed length; None for any other, which is not read."""
    if not h5py.h5a.exists(file.id, name.encode()):
        return None
    found = h5py.h5a.open(file.id, name.encode())
    return file.attrs[name].item() if found.shape == () and found.dtype.kind in "iuS" else None


def _check_offset(found: h5py.h5d.DatasetID, name: str, file: h5py.File, expected: ExpectedShard) -> None:
    """Refuses values outside the file: they are read straight from it."""
    start, length = found.get_offset(), math.prod(found.shape) * found.dtype.itemsize
    if start is None or file.userblock_size or start + length > expected.num_bytes:
        raise expected.fault(f"{shortened(name)} must lie within the {expected.num_bytes:,} bytes of the file; it does not")


def _check_object(parent: h5py.h5g.GroupID, name: bytes, path: Place, *, inside: bool = False) -> None:
    """Refuses objects that this project never writes."""
    if parent.links.get_info(name).type != h5py.h5l.TYPE_HARD:
        raise _foreign(path, name, "is a link")
    found = h5py.h5o.open(parent, name)
    if isinstance(found, h5py.h5g.GroupID) and not inside and name == _EXTRA.encode():  # a group may contain itself
        for inner in found:
            _check_object(found, inner, path, inside=True)
        return
    if not isinstance(found, h5py.h5d.DatasetID):
        raise _foreign(path, name, "is no data set")
    plan = found.get_create_plist()
    if plan.get_layout() == h5py.h5d.VIRTUAL or plan.get_external_count():
        raise _foreign(path, name, "has its values in other files")
    if found.dtype.kind not in "uifbS" or plan.get_layout() != h5py.h5d.CONTIGUOUS:
        raise _foreign(path, name, f"has the type {found.dtype} or a layout that shards do not have")


def _foreign(path: Place, name: bytes, what: str) -> ArtifactError:
    return ArtifactError(
        f"{path}: {name.decode('utf-8', 'replace')!r} {what}; Darkroom wrote no such shard. "
        "Do not use it: delete the folder, then: dvc repro"
    )
