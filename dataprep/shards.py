"""The shard format: HDF5 files of prepared images, and the index that lists them and is written last.

A shard is built in memory and written as plain bytes, since a file that HDF5 itself writes in place is lost when the process
is killed. An index that is there means that every shard it lists is whole. Handles are opened in the process that reads.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from dataprep.artifacts import Document, read_document, remove_stale, write_bytes, write_document
from dataprep.config import DecodeConfig, PrepareConfig, SplitName
from dataprep.errors import ArtifactError
from dataprep.image import Pixels
from dataprep.rng import stable_hash

FORMAT_VERSION = 1
INDEX_NAME = "index.json"


@dataclass(frozen=True, slots=True)
class ShardContent:
    """The rows of one shard: images (N, H, W, C) uint8, labels (N,) int64, ids of N images, extra columns of N rows each."""

    images: Pixels
    labels: NDArray[np.int64]
    ids: list[str]
    class_names: list[str]
    fingerprint: str
    extra: dict[str, NDArray[np.generic]]


class ShardEntry(Document):
    """One line of the index."""

    file: str
    split: SplitName
    num_images: int
    sha256: str
    fingerprint: str


class ShardIndex(Document):
    """What stands in a folder of shards, and how its images were made; shape is (H, W, C)."""

    format_version: Literal[1] = 1
    shape: tuple[int, int, int]
    class_names: list[str]
    decode: DecodeConfig
    prepare: PrepareConfig
    shards: list[ShardEntry]

    def of_split(self, split: SplitName) -> list[ShardEntry]:
        return [entry for entry in self.shards if entry.split == split]


def num_buckets(num_images: int, images_per_shard: int) -> int:
    """The number of shards for a split: a power of two, so that it changes only when the data set doubles.

    >>> num_buckets(5000, 2048)
    4
    """
    buckets = 1
    while buckets * images_per_shard < num_images:
        buckets *= 2
    return buckets


def bucket_of(image_id: str, buckets: int) -> int:
    """The shard that an image belongs to: it depends on the id alone, so that a new image touches one shard."""
    return stable_hash("bucket", image_id) % buckets


def shard_name(split: SplitName, bucket: int) -> str:
    """The file name of a shard."""
    return f"{split}-{bucket:05d}.h5"


def fingerprint(*parts: object) -> str:
    """128 bits, in hex, of all that decides what a shard holds."""
    return hashlib.blake2b(repr((FORMAT_VERSION, *parts)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def write_shard(path: Path, content: ShardContent, split: SplitName) -> ShardEntry:
    """Writes a shard, whole or not at all; the same content gives the same bytes."""
    encoded = _encode(content)
    write_bytes(path, encoded)
    return ShardEntry(
        file=path.name,
        split=split,
        num_images=len(content.ids),
        sha256=hashlib.sha256(encoded).hexdigest(),
        fingerprint=content.fingerprint,
    )


def write_index(folder: Path, index: ShardIndex) -> None:
    """Writes the index of a folder whose shards are all there."""
    write_document(folder / INDEX_NAME, index)


def fill_folder(folder: Path, entries: Iterable[ShardEntry], index: ShardIndex) -> Iterator[ShardEntry]:
    """Passes on the entries of shards as they are written; then removes what is not among them and writes the index.

    Args:
        folder: data/prepared or data/augmented.
        entries: of shards in this folder; taking one writes it.
        index: all but the shards.
    """
    (folder / INDEX_NAME).unlink(missing_ok=True)  # from here on the folder is incomplete, and says so
    folder.mkdir(parents=True, exist_ok=True)
    shards = []
    for entry in entries:
        shards.append(entry)
        yield entry
    remove_stale(folder, keep={entry.file for entry in shards})
    write_index(folder, index.model_copy(update={"shards": shards}))


def read_index(folder: Path, *, stage: str) -> ShardIndex:
    """Reads the index of a folder of shards.

    Args:
        folder: data/prepared or data/augmented.
        stage: the stage that makes the folder.

    Raises:
        ArtifactError: the index is missing, so the shards are incomplete, or is of another format version.
    """
    return read_document(folder / INDEX_NAME, ShardIndex, stage=stage)


class ShardReader:
    """Reads rows of one shard; a context manager, to be opened in the process that uses it."""

    def __init__(self, path: Path, *, stage: str) -> None:
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise ArtifactError(f"{path} cannot be opened as HDF5 ({error}). Run: dvc repro {stage}") from error
        version = self._file.attrs.get("format_version")
        if version != FORMAT_VERSION:
            self._file.close()
            raise ArtifactError(
                f"{path}: expected shard format version {FORMAT_VERSION}; got {version!r}. Run: dvc repro {stage}"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return int(self._file["images"].shape[0])

    def close(self) -> None:
        self._file.close()

    def images(self, start: int = 0, stop: int | None = None) -> Pixels:
        """Rows start to stop as (n, H, W, C) uint8."""
        rows: Pixels = self._file["images"][start:stop]
        return rows

    def labels(self) -> NDArray[np.int64]:
        """(N,) int64."""
        labels: NDArray[np.int64] = self._file["labels"][:]
        return labels

    def ids(self) -> list[str]:
        return [name.decode("utf-8") for name in self._file["ids"][:]]

    def column(self, name: str) -> NDArray[np.generic]:
        """An extra column, one value or row per image."""
        column: NDArray[np.generic] = self._file[f"extra/{name}"][:]
        return column

    def sums(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Exact sums over the images of the values and of their squares, each (H, W, C) uint64."""
        return self._file["pixel_sum"][:], self._file["pixel_square_sum"][:]


def _encode(content: ShardContent) -> bytes:
    """The bytes of the HDF5 file, built in memory."""
    images = content.images
    with h5py.File("shard", "w", driver="core", backing_store=False) as file:
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["class_names"] = json.dumps(content.class_names)
        file.attrs["fingerprint"] = content.fingerprint
        file.create_dataset("images", data=images, track_times=False)
        file.create_dataset("labels", data=content.labels, track_times=False)
        file.create_dataset("ids", data=np.array([name.encode() for name in content.ids], dtype="S"), track_times=False)
        file.create_dataset("pixel_sum", data=images.sum(axis=0, dtype=np.uint64), track_times=False)
        file.create_dataset("pixel_square_sum", data=_square_sum(images), track_times=False)
        for name, column in content.extra.items():
            file.create_dataset(f"extra/{name}", data=column, track_times=False)
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def _square_sum(images: Pixels) -> NDArray[np.uint64]:
    total = np.zeros(images.shape[1:], dtype=np.uint64)
    for start in range(0, len(images), 64):  # a block at a time: the squares of all at once need four times the shard
        block = images[start : start + 64].astype(np.uint32)
        total += (block * block).sum(axis=0, dtype=np.uint64)
    return total
