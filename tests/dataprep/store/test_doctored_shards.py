"""A shard and an index that somebody doctored so that the hashes are right: one line, before anything is allocated."""

import hashlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dataprep.core.errors import ArtifactError
from dataprep.decode.value_range import with_levels
from dataprep.store.shards import INDEX_NAME, ShardIndex, ShardKey, ShardReader, read_index, write_index, write_shard
from pipelines.parameters.params import Params
from tests.dataprep.store.test_shards import CLASSES, content_of, forged

Forge = Callable[[h5py.File], None]
Doctor = Callable[[dict[str, Any]], None]


@pytest.fixture
def folder(tmp_path: Path, params: Params) -> Path:
    """Three train shards of 5 images, 4 x 4 gray."""
    entries = [
        write_shard(tmp_path, ShardKey("train", bucket, f"{bucket:032x}"), content_of(np.full((5, 4, 4, 1), 7, np.uint8)))
        for bucket in range(3)
    ]
    write_index(
        tmp_path,
        ShardIndex(
            shape=(4, 4, 1),
            class_names=CLASSES,
            decode=with_levels(params.ingest.decode, {}),
            prepare=params.prepare.pixels,
            shards=entries,
        ),
    )
    return tmp_path


def replaced(name: str, values: np.ndarray) -> Forge:
    def forge(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, data=values)

    return forge


def of_shape(name: str, shape: tuple[int, ...], kind: str) -> Forge:
    """A data set that claims a shape and has no values."""

    def forge(file: h5py.File) -> None:
        del file[name]
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
        plan.set_layout(h5py.h5d.CONTIGUOUS)
        space = h5py.h5s.create_simple(shape)
        h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(np.dtype(kind)), space, dcpl=plan)

    return forge


def attribute(name: str, value: object) -> Forge:
    return lambda file: file.attrs.__setitem__(name, value)


def without(name: str) -> Forge:
    return lambda file: file.__delitem__(name)


IMAGES = np.full((5, 4, 4, 1), 7, np.uint8)
SUMS = np.full((4, 4, 1), 35, np.uint64)


@pytest.mark.parametrize(
    ("forge", "message"),
    [
        (replaced("images", IMAGES.astype(np.float64)), r"'images' must be uint8 of the shape \(5, 4, 4, 1\).* it is float64"),
        (replaced("images", IMAGES.astype(np.int8)), "it is int8 of"),
        (replaced("images", IMAGES[:4]), r"it is uint8 of \(4, 4, 4, 1\)"),
        (replaced("images", np.repeat(IMAGES, 3, axis=3)), r"it is uint8 of \(5, 4, 4, 3\)"),
        (replaced("images", IMAGES.reshape(5, 16)), r"it is uint8 of \(5, 16\)"),
        (replaced("images", np.empty(())), r"it is float64 of \(\)"),
        (of_shape("images", (10**12, 4, 4, 1), "u1"), r"it is uint8 of \(1000000000000, 4, 4, 1\)"),
        (of_shape("images", (5, 4, 4, 1), "u1"), "'images' must lie within the .* bytes of the file; it does not"),
        (replaced("labels", np.zeros(5)), "'labels' must be int64 .* it is float64"),
        (replaced("labels", np.zeros(5, ">i8")), "'labels' must be int64"),
        (replaced("labels", np.zeros(6, np.int64)), r"it is int64 of \(6,\)"),
        (replaced("labels", np.array([0, 1, 2, 3, 0])), "labels must be 0 to 2, the numbers of the classes; got 3"),
        (replaced("labels", np.array([0, 1, -1, 2, 0])), "labels must be 0 to 2, .*; got -1"),
        (replaced("ids", np.arange(5)), "'ids' must be bytes"),
        (replaced("ids", np.array([b"a", b"b"])), r"'ids' must be bytes\S* of the shape \(5,\)"),
        (replaced("ids", np.array([b"a", b"b", b"c", b"a", b"e"])), "ids must differ and must not be empty; 1 do not"),
        (replaced("ids", np.array([b"a", b"b", b"c", b"", b"e"])), "ids must differ and must not be empty; 1 do not"),
        (replaced("ids", np.array([b"a", b"b", b"c", b"\xff", b"e"])), r"ids must be UTF-8; b'\\xff' is none"),
        (replaced("pixel_sum", SUMS.astype(np.float64)), "'pixel_sum' must be uint64 .* it is float64"),
        (replaced("pixel_sum", SUMS[:3]), r"'pixel_sum' .* it is uint64 of \(3, 4, 1\)"),
        (
            replaced("pixel_sum", SUMS * 1000),
            "pixel_sum and pixel_square_sum must be those of 5 images; no images can have these",
        ),
        (replaced("pixel_square_sum", SUMS), "no images can have these sums"),
        (replaced("extra/copy", np.arange(4)), r"'extra/copy' must have 5 rows; its shape is \(4,\)"),
        (of_shape("extra/copy", (5, 10**12), "i4"), "'copy' must lie within the"),
        (replaced("extra/copy", np.array(5)), r"'extra/copy' must have 5 rows; its shape is \(\)"),
        (lambda file: file.create_dataset("more", data=np.arange(5)), "holds 'more', which shards do not have"),
        (lambda file: file.create_group("group"), "'group' is no data set"),
        (without("images"), "must hold 'images'; it does not"),
        (without("ids"), "must hold 'ids'; it does not"),
        (without("pixel_sum"), "must hold 'pixel_sum'; it does not"),
        (attribute("class_names", np.bytes_(json.dumps(["b", "a", "ü"]))), "class_names must be .* as the index says; it is"),
        (attribute("class_names", "text of any length"), "class_names must be .* it is None"),
        (attribute("fingerprint", np.bytes_("0" * 31 + "9")), "fingerprint must be '0{32}', as the index says; it is"),
        (attribute("format_version", np.arange(1000)), "expected shard format version 2; got None"),
        (attribute("format_version", "2"), "expected shard format version 2; got None"),
    ],
)
def test_a_shard_is_held_to_the_index_though_its_hash_is_right(forge: Forge, message: str, folder: Path) -> None:
    index = read_index(folder, stage="prepare")
    entry = forged(folder, index.shards[0], forge)
    with (
        pytest.raises(ArtifactError, match=message) as refused,
        ShardReader(folder, entry, index.layout, stage="prepare") as shard,
    ):
        shard.labels(), shard.ids(), shard.sums(), shard.column("copy")
    assert str(refused.value).startswith(f"{folder / entry.file}")
    assert "dvc repro" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("keep", [0, 8, 100, 700])
def test_a_cut_shard_whose_hash_is_right_is_one_line(keep: int, folder: Path) -> None:
    index = read_index(folder, stage="prepare")
    entry = index.shards[0]
    (folder / entry.file).write_bytes((folder / entry.file).read_bytes()[:keep])
    cut = entry.model_copy(update={"sha256": hashlib.sha256((folder / entry.file).read_bytes()).hexdigest()})
    with pytest.raises(ArtifactError, match=r"cannot be opened as HDF5 .*Run: dvc repro prepare"):
        ShardReader(folder, cut, index.layout, stage="prepare")


def entry_with(**changes: object) -> Doctor:
    return lambda index: index["shards"][0].update(changes)


def index_with(**changes: object) -> Doctor:
    return lambda index: index.update(changes)


def listed_as_test(index: dict[str, Any]) -> None:
    index["shards"][0]["split"] = "test"


def listed_twice(index: dict[str, Any]) -> None:
    index["shards"].append(index["shards"][0])


@pytest.mark.parametrize(
    ("doctor", "message"),
    [
        (entry_with(num_images=10**12), r"shards\.0\.num_images: .*less than or equal to"),
        (entry_with(num_images=10**6), r"has .* bytes, which cannot hold the 1,000,000 images of 4 x 4 x 1 that are listed"),
        (entry_with(num_images=-5), r"shards\.0\.num_images: .*greater than 0"),
        (entry_with(num_images=0), r"shards\.0\.num_images"),
        (entry_with(num_images=5.0), r"shards\.0\.num_images: .*valid integer"),
        (entry_with(num_images="5"), r"shards\.0\.num_images: .*valid integer"),
        (entry_with(num_images=None), r"shards\.0\.num_images"),
        (entry_with(bucket=-1), r"shards\.0\.bucket"),
        (entry_with(bucket=1), r"belong to the file train-00001-00000000\.h5; it is train-00000-00000000\.h5"),
        (entry_with(sha256="0"), r"shards\.0\.sha256"),
        (entry_with(fingerprint="f" * 32), r"belong to the file train-00000-ffffffff\.h5"),
        (entry_with(more=1), r"shards\.0\.more"),
        (listed_as_test, r"belong to the file test-00000-00000000\.h5; it is train-00000-00000000\.h5"),
        (listed_twice, "each shard of a split must have a bucket of its own; listed twice: 'train 0'"),
        (index_with(shape=[4, 4]), r"shape"),
        (index_with(shape=[0, 4, 1]), r"shape\.0"),
        (index_with(shape=[-4, -4, 1]), r"shape\.0"),
        (index_with(shape=[10**9, 4, 1]), r"shape\.0"),
        (index_with(shape=[60000, 4, 1]), "cannot hold the 5 images of 60000 x 4 x 1"),
        (index_with(shape=[4, 4, 4]), r"shape\.2"),
        (index_with(class_names=[]), "class_names"),
        (index_with(class_names=["a", "b", "a"]), "class_names: each class must be listed once; listed twice: 'a'"),
        (index_with(class_names=["a", ""]), r"class_names\.1"),
        (index_with(class_names="abc"), "class_names"),
        (index_with(format_version=99), "format_version"),
        (index_with(made_of="x"), "made_of"),
    ],
)
def test_a_doctored_index_is_one_line(doctor: Doctor, message: str, folder: Path) -> None:
    path = folder / INDEX_NAME
    index = json.loads(path.read_text())
    doctor(index)
    path.write_text(json.dumps(index))
    with pytest.raises(ArtifactError, match=message) as refused:
        read_index(folder, stage="prepare")
    assert "Run: dvc repro prepare" in str(refused.value)
    assert "\n" not in str(refused.value)


def deep(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"{", b"null", b"[]", b'{"format_version": 2', b"\xff\xfe{}", b'{"shape": NaN}', deep(100_000), b'"\\ud800"'],
)
def test_an_index_that_is_no_index_is_one_line(content: bytes, folder: Path) -> None:
    (folder / INDEX_NAME).write_bytes(content)
    with pytest.raises(ArtifactError, match=r"is not a ShardIndex that this version reads \(.*\)\. Run: dvc repro") as refused:
        read_index(folder, stage="prepare")
    assert "\n" not in str(refused.value)


def test_a_huge_index_is_not_read(folder: Path) -> None:
    with (folder / INDEX_NAME).open("r+b") as file:
        file.truncate(2**36)
    with pytest.raises(ArtifactError, match=r"index\.json must have at most 67,108,864 bytes; it has 68,719,476,736"):
        read_index(folder, stage="prepare")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path.name)
    os.chdir(here)


def circle(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("put", "kind"),
    [
        (pipe, "a named pipe"),
        (unix_socket, "a socket or a device|a socket"),
        (Path.mkdir, "a folder"),
        (circle, "a link that leads in a circle"),
        (lambda path: path.symlink_to("/dev/zero"), "a device"),
    ],
)
@pytest.mark.parametrize("place", ["index", "shard"])
def test_what_is_no_file_is_refused_and_not_waited_for(
    put: Callable[[Path], None], kind: str, place: str, folder: Path
) -> None:
    index = read_index(folder, stage="prepare")
    path = folder / (INDEX_NAME if place == "index" else index.shards[0].file)
    path.unlink()
    put(path)
    message = rf"{path.name} must be a file; it is ({kind})\. Remove it, then"
    with pytest.raises(ArtifactError, match=message):
        read_index(folder, stage="prepare")
    if place == "shard":
        with pytest.raises(ArtifactError, match=message):
            ShardReader(folder, index.shards[0], index.layout, stage="prepare")
