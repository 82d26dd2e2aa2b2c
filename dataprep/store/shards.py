"""The shard format: HDF5 files of prepared images, and the index that lists them and is written last.

The name of a shard says where it belongs and what it was made of: `<split>-<bucket>-<fingerprint>.h5`. So a new shard never
replaces an old one. Until the new index is written, the old index and its shards stay as they were. HDF5 itself never writes to
disk; `hdf5_layout` says why.
"""

import contextlib
import hashlib
import io
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Protocol, Self, TypeAlias, TypeVar

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, field_validator, model_validator
from upath import UPath

from dataprep.config.base import SPLITS, SplitName
from dataprep.config.decode import Decoding
from dataprep.config.prepare import PrepareConfig
from dataprep.core.artifacts import (
    Document,
    Place,
    append_text,
    file_sizes,
    open_file,
    read_bytes,
    read_document,
    remove_stale,
    write_bytes,
    write_document,
    write_text,
)
from dataprep.core.errors import ArtifactError, ExecuteError, first_five, in_short, shortened
from dataprep.decode.image import Pixels
from dataprep.store.hdf5_layout import array_bytes, headers
from dataprep.store.shard_content import FORMAT_VERSION, ExpectedShard, ShardLayout, check_content

INDEX_NAME = "index.json"
JOURNAL_NAME = "unfinished.jsonl"

_AT_ONCE_ELSEWHERE = 2
_NOTED_AT_ONCE_ELSEWHERE = 64  # shards; other file systems cannot append, so the whole journal is written each time
_SQUARED_AT_ONCE = 256  # images
_MOST_IMAGES = 2**23  # of one shard; sums of squares of so many stay within 64 bits when they are multiplied by their number

Fingerprint: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Side: TypeAlias = Annotated[int, Field(gt=0, le=2**16)]


@dataclass(frozen=True, slots=True)
class ShardContent:
    """The rows of one shard: images (N, H, W, C) uint8, labels (N,) int64, N ids, extra columns of N rows each."""

    images: Pixels
    labels: NDArray[np.int64]
    ids: list[str]
    class_names: list[str]
    extra: dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class ShardKey:
    """Where a shard belongs, and the fingerprint (32 hex digits) of what it is made of."""

    split: SplitName
    bucket: int
    fingerprint: str

    @property
    def file(self) -> str:
        return f"{self.split}-{self.bucket:05d}-{self.fingerprint[:8]}.h5"


class ShardEntry(Document):
    """One line of the index."""

    # A name and no path, so that a foreign index cannot point outside its folder.
    file: Annotated[str, Field(pattern=r"^(train|validation|test)-\d{5,}-[0-9a-f]{8}\.h5$")]
    split: SplitName
    bucket: Annotated[int, Field(ge=0)]
    num_images: Annotated[int, Field(gt=0, le=_MOST_IMAGES)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    fingerprint: Fingerprint

    @property
    def key(self) -> ShardKey:
        return ShardKey(self.split, self.bucket, self.fingerprint)

    @model_validator(mode="after")
    def _named_after_what_it_is(self) -> Self:
        if self.file != self.key.file:
            raise ValueError(f"split, bucket and fingerprint belong to the file {self.key.file}; it is {self.file}")
        return self


class ShardIndex(Document):
    """The list of the shards in a folder, and how their images were made; shape is (H, W, C).

    `made_of` is set for stored copies: the train shards that they were made of.
    """

    format_version: Literal[3] = 3
    shape: tuple[Side, Side, Annotated[int, Field(ge=1, le=3)]]
    class_names: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    decode: Decoding
    prepare: PrepareConfig
    made_of: Fingerprint | None = None
    shards: list[ShardEntry]

    @field_validator("class_names")
    @classmethod
    def _each_class_once(cls, class_names: list[str]) -> list[str]:
        if twice := [name for name, count in Counter(class_names).items() if count > 1]:
            raise ValueError(f"each class must be listed once; listed twice: {first_five(twice)}")
        return class_names

    @field_validator("shards")
    @classmethod
    def _each_shard_once(cls, shards: list[ShardEntry]) -> list[ShardEntry]:
        places = Counter((entry.split, entry.bucket) for entry in shards)
        if twice := [f"{split} {bucket}" for (split, bucket), count in places.items() if count > 1]:
            raise ValueError(f"each shard of a split must have a bucket of its own; listed twice: {first_five(twice)}")
        return shards

    @property
    def layout(self) -> ShardLayout:
        return ShardLayout(self.shape, self.class_names)

    def of_split(self, split: SplitName) -> list[ShardEntry]:
        return [entry for entry in self.shards if entry.split == split]


class ShardTask(Protocol):
    """What makes one shard."""

    @property
    def key(self) -> ShardKey: ...


T = TypeVar("T", bound=ShardTask)


@dataclass(frozen=True, slots=True)
class Filled:
    """A finished shard, and whether this run made it."""

    entry: ShardEntry
    made: bool


def num_buckets(needed: float) -> int:
    """The number of shards for a split that fills `needed` of them: the next power of two, so that it seldom changes.

    >>> num_buckets(5000 / 2048)
    4
    """
    buckets = 1
    while buckets < needed:
        buckets *= 2
    return buckets


def fingerprint(*parts: object) -> str:
    """128 bits, in hex, of all that decides what a shard holds.

    Args:
        *parts: bytes are hashed as they are, all else by `repr`.
    """
    digest = hashlib.blake2b(repr(FORMAT_VERSION).encode(), digest_size=16)
    for part in parts:
        content = part if isinstance(part, bytes) else repr(part).encode("utf-8", "surrogatepass")
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


def made_of(index: ShardIndex) -> str:
    """128 bits, in hex, of all bytes of the train shards."""
    return fingerprint(*[entry.sha256 for entry in index.of_split("train")])


def write_shard(folder: Place, key: ShardKey, content: ShardContent) -> ShardEntry:
    """Writes a shard, whole or not at all; the same content gives the same bytes."""
    columns: dict[str, NDArray[np.generic]] = {
        "images": content.images,
        "labels": content.labels,
        "ids": np.array([name.encode() for name in content.ids], dtype="S"),
        **{f"extra/{name}": column for name, column in content.extra.items()},
    }
    one_image = content.images.shape[1:]
    names, around = headers(
        {"format_version": FORMAT_VERSION, "class_names": json.dumps(content.class_names), "fingerprint": key.fingerprint},
        {
            **{name: (column.shape, column.dtype) for name, column in columns.items()},
            "pixel_sum": (one_image, np.dtype(np.uint64)),
            "pixel_square_sum": (one_image, np.dtype(np.uint64)),
        },
    )

    # Hashing takes as long as summing and writing together, and all three release the interpreter lock.
    summed: Future[dict[str, NDArray[np.uint64]]] = Future()

    def pieces() -> Iterator[bytes | memoryview]:
        yield around[0]
        for name, after in zip(names, around[1:], strict=True):
            yield array_bytes(columns[name] if name in columns else summed.result()[name])
            yield after

    try:
        hashed = _beside().submit(_hash_of, pieces())
        summed.set_result(_sums(content.images))
    except BaseException as error:
        summed.set_exception(error)  # else the other thread would wait for ever
        raise
    write_bytes(folder / key.file, pieces())
    sha256 = hashed.result()
    return ShardEntry(
        file=key.file,
        split=key.split,
        bucket=key.bucket,
        num_images=len(content.ids),
        sha256=sha256,
        fingerprint=key.fingerprint,
    )


def write_index(folder: Place, index: ShardIndex) -> None:
    """Writes the index of a folder in which all shards are finished."""
    write_document(folder / INDEX_NAME, index)


def fill_folder(
    folder: Place, tasks: Sequence[T], build: Callable[[Sequence[T]], Iterator[ShardEntry]], index: ShardIndex
) -> Iterator[Filled]:
    """Makes the missing shards, then the index, then removes all files that are not in the index.

    Shards of an earlier run, finished or killed, are kept if they have the same fingerprint and undamaged bytes. Until the
    index is replaced, readers of the folder see its old state.

    Args:
        folder: data/prepared or data/augmented.
        tasks: one for each shard.
        build: makes shards in this folder, in any order; each `next` makes one.
        index: complete but for its list of shards.

    Yields:
        Each shard once, those that were kept first.

    Raises:
        ExecuteError: a worker wrote a shard into another folder of the same name.
    """
    if isinstance(folder, Path):  # on other file systems a folder appears with its first file
        folder.mkdir(parents=True, exist_ok=True)
    known = _whole(folder, _known_entries(folder), {task.key for task in tasks})
    for entry in known.values():
        yield Filled(entry, made=False)
    entries = list(known.values())
    missing = [task for task in tasks if task.key.file not in known]
    if missing:
        # The next run reads here what a killed run finished. If the last line is cut, its shard is made again.
        journal = folder / JOURNAL_NAME
        write_text(journal, _lines(entries))
        for entry in build(missing):
            if isinstance(folder, Path) and not _is_here(folder, entry.file):
                raise ExecuteError(
                    f"{folder / entry.file} was written by a worker and is not here: its {folder} is another folder. "
                    "Mount this one on every machine, under the same path (docs/cluster.md)"
                )
            entries.append(entry)
            if isinstance(journal, Path):
                append_text(journal, _lines([entry]))
            elif len(entries) % _NOTED_AT_ONCE_ELSEWHERE == 0:
                write_text(journal, _lines(entries))
            yield Filled(entry, made=True)
    entries.sort(key=lambda entry: (SPLITS.index(entry.split), entry.bucket))
    write_index(folder, index.model_copy(update={"shards": entries}))
    remove_stale(folder, keep={INDEX_NAME, *(entry.file for entry in entries)})


def read_index(folder: Place, *, stage: str) -> ShardIndex:
    """Reads the index of a folder of shards.

    Args:
        folder: data/prepared or data/augmented.
        stage: the stage that makes the folder.

    Raises:
        ArtifactError: the index is missing, so the shards are incomplete, is of another format version, or lists a shard that
            is missing or cannot hold so many images.
    """
    index = read_document(folder / INDEX_NAME, ShardIndex, stage=stage)
    _check_sizes(folder, index, stage)
    return index


def _check_sizes(folder: Place, index: ShardIndex, stage: str) -> None:
    """Compares the numbers of images with the sizes of the files: readers allocate memory before they open a shard."""
    image_bytes = math.prod(index.shape)
    sizes = file_sizes(folder, [entry.file for entry in index.shards])
    for entry in index.shards:
        if entry.file not in sizes:
            raise _damaged(f"{folder / entry.file} is missing", stage)
        if entry.num_images * image_bytes > sizes[entry.file]:
            raise ArtifactError(
                f"{folder / INDEX_NAME}: {entry.file} has {sizes[entry.file]:,} bytes, which cannot hold the "
                f"{entry.num_images:,} images of {' x '.join(map(str, index.shape))} that are listed. Run: dvc repro {stage}"
            )


def check_shards(folder: Place, entries: Sequence[ShardEntry], *, stage: str) -> None:
    """Reads every byte of some shards, on several threads, and compares it with the index.

    Raises:
        ArtifactError: a shard is missing or its bytes have another hash than the index says.
    """
    with _threads(folder) as threads:
        for damage in threads.map(lambda entry: _damage(folder, entry), entries):
            if damage:
                raise _damaged(damage, stage)


class ShardReader:
    """Reads rows of one shard; a context manager, to be opened in the process that uses it.

    Before HDF5 reads a byte, the file's hash is compared with the index (once in a process, unless the file changes). All that
    could lead to other files or run code is refused: links, external and virtual data, types without a fixed size. Names,
    types, shapes and offsets of the data sets are compared with the index before a value is read; labels and ids are checked
    when they are read.

    Args:
        folder: of the shard.
        entry: its line in the index.
        layout: what the index says of all shards.
        stage: that makes the folder.
    """

    def __init__(self, folder: Place, entry: ShardEntry, layout: ShardLayout, *, stage: str) -> None:
        path = folder / entry.file
        self._path, self._stage, self._layout = path, stage, layout
        content: bytes | None = None
        if isinstance(path, Path):
            damage = _damage(folder, entry)
        else:
            damage, content = _fetched(path, entry)
        if damage:
            raise _damaged(damage, stage)
        try:
            self._file = h5py.File(path if content is None else io.BytesIO(content), "r", locking=False)
        except Exception as error:  # HDF5 raises errors of many classes
            raise ArtifactError(f"{path} cannot be opened as HDF5 ({in_short(error)}). Run: dvc repro {stage}") from error
        try:
            # Once in a process: a shard is opened many times in an epoch, and the hash shows that it is the same.
            seen = (entry.sha256, entry.num_images, entry.fingerprint, layout.shape, *layout.class_names)
            if seen not in _CHECKED:
                num_bytes = path.stat().st_size if content is None else len(content)
                check_content(self._file, ExpectedShard(path, num_bytes, entry.num_images, entry.fingerprint, layout, stage))
                _CHECKED.add(seen)
            self._images = self._file["images"].id
            self._bytes: io.BytesIO | io.FileIO = open_file(path) if isinstance(path, Path) else io.BytesIO(content or b"")
        except ArtifactError:
            self._file.close()
            raise
        except Exception as error:
            self._file.close()
            raise ArtifactError(f"{path} cannot be read as HDF5 ({in_short(error)}). Run: dvc repro {stage}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return int(self._images.shape[0])

    def close(self) -> None:
        self._file.close()
        self._bytes.close()

    def images(self, start: int = 0, stop: int | None = None) -> Pixels:
        """Rows start to stop as (n, H, W, C) uint8."""
        start, stop, _ = slice(start, stop).indices(len(self))
        rows = np.empty((max(stop - start, 0), *self._images.shape[1:]), dtype=np.uint8)
        self.read_into(rows, start)
        return rows

    def read_into(self, rows: Pixels, start: int) -> None:
        """Fills `rows`, (n, H, W, C) uint8 in contiguous memory, with the rows of the shard from `start` on.

        It reads straight from the file, in a fifteenth of the time that HDF5 takes for 64 small images.
        """
        if not 0 <= start <= len(self) - len(rows) or rows.shape[1:] != self._images.shape[1:]:
            raise IndexError(f"rows {start} to {start + len(rows)} as {rows.shape[1:]} of {self._images.shape}")
        buffer = rows.reshape(-1).data
        self._bytes.seek(self._images.get_offset() + start * math.prod(self._images.shape[1:]))
        while len(buffer) and (count := self._bytes.readinto(buffer)):
            buffer = buffer[count:]
        if len(buffer):
            raise _damaged(f"{self._path} is damaged: it ended while it was read", self._stage)

    def labels(self) -> NDArray[np.int64]:
        """(N,) int64, each the number of a class.

        Raises:
            ArtifactError: a label is not the number of a class.
        """
        labels: NDArray[np.int64] = self._file["labels"][:]
        num_classes = len(self._layout.class_names)
        strange = labels[(labels < 0) | (labels >= num_classes)]
        if strange.size:
            raise self._fault(f"labels must be 0 to {num_classes - 1}, the numbers of the classes; got {int(strange[0])}")
        return labels

    def ids(self) -> list[str]:
        """N different texts.

        Raises:
            ArtifactError: one is empty, occurs twice, or is no UTF-8.
        """
        try:
            ids = [name.decode("utf-8") for name in self._file["ids"][:].tolist()]
        except UnicodeDecodeError as error:
            raise self._fault(f"ids must be UTF-8; {shortened(error.object)} is none") from error
        if len(set(ids)) != len(ids) or "" in ids:
            raise self._fault(f"ids must differ and must not be empty; {len(ids) - len(set(ids)) or 1:,} do not")
        return ids

    def column(self, name: str) -> NDArray[np.generic]:
        """An extra column, one value or row per image."""
        column: NDArray[np.generic] = self._file[f"extra/{name}"][:]
        return column

    def sums(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Exact sums over the images of the values and of their squares, each (H, W, C) uint64.

        Raises:
            ArtifactError: no images can have these sums.
        """
        sums, squares = self._file["pixel_sum"][:], self._file["pixel_square_sum"][:]
        count = np.uint64(len(self))
        within = (sums <= count * np.uint64(255)) & (squares <= sums * np.uint64(255))
        if not (within & (sums * sums <= count * squares)).all():  # a variance is no less than 0
            raise self._fault(
                f"pixel_sum and pixel_square_sum must be those of {len(self):,} images; no images can have these sums"
            )
        return sums, squares

    def _fault(self, what: str) -> ArtifactError:
        return ArtifactError(f"{self._path}: {what}. Run: dvc repro {self._stage}")


_CHECKED: set[tuple[object, ...]] = set()


@cache
def _beside() -> ThreadPoolExecutor:
    """A thread for hashing, kept: starting one takes as long as hashing a hundred images."""
    return ThreadPoolExecutor(1)


def _sums(images: Pixels) -> dict[str, NDArray[np.uint64]]:
    """Exact sums over N of the values and of their squares, each (H, W, C)."""
    rows = images.reshape(len(images), -1)
    pixel_sum = np.zeros(rows.shape[1], dtype=np.uint64)
    square_sum = np.zeros(rows.shape[1], dtype=np.uint64)
    squares = np.empty((min(_SQUARED_AT_ONCE, len(rows)), rows.shape[1]), dtype=np.uint16)
    for start in range(0, len(rows), _SQUARED_AT_ONCE):  # a block stays in the processor's cache
        block = rows[start : start + _SQUARED_AT_ONCE]
        np.multiply(block, block, out=squares[: len(block)], dtype=np.uint16)
        pixel_sum += cv2.reduce(block, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[0].astype(np.uint64)
        # Exact: 256 squares are at most 16,646,400, and float32 counts up to 16,777,216.
        square_sum += cv2.reduce(squares[: len(block)], 0, cv2.REDUCE_SUM, dtype=cv2.CV_32F)[0].astype(np.uint64)
    shape = images.shape[1:]
    return {"pixel_sum": pixel_sum.reshape(shape), "pixel_square_sum": square_sum.reshape(shape)}


def _hash_of(pieces: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _lines(entries: Sequence[ShardEntry]) -> str:
    return "".join(entry.model_dump_json() + "\n" for entry in entries)


def _is_here(folder: Path, name: str) -> bool:
    """Lists the folder if the file is not found: a network folder may cache for a while that it did not exist."""
    return (folder / name).exists() or any(entry.name == name for entry in os.scandir(folder))


def _known_entries(folder: Place) -> list[ShardEntry]:
    """The shards of earlier runs: from the index of a finished run and the journal of a killed one."""
    known: list[ShardEntry] = []
    with contextlib.suppress(FileNotFoundError, ValidationError):  # none yet, or of another format version
        known += ShardIndex.model_validate_json(read_bytes(folder / INDEX_NAME)).shards
    try:
        lines = read_bytes(folder / JOURNAL_NAME).splitlines()
    except FileNotFoundError:
        return known
    for line in lines:
        try:
            known.append(ShardEntry.model_validate_json(line))
        except ValidationError:
            break
    return known


def _whole(folder: Place, known: Sequence[ShardEntry], wanted: set[ShardKey]) -> dict[str, ShardEntry]:
    """The entries of shards that are wanted and whole, by file."""
    asked = [entry for entry in known if ShardKey(entry.split, entry.bucket, entry.fingerprint) in wanted]
    with _threads(folder) as threads:
        damages = threads.map(lambda entry: _damage(folder, entry), asked)
        return {entry.file: entry for entry, damage in zip(asked, damages, strict=True) if not damage}


def _threads(folder: Place) -> ThreadPoolExecutor:
    """Checks several shards at once; those on other file systems are held in memory, so fewer at a time."""
    return ThreadPoolExecutor(None if isinstance(folder, Path) else _AT_ONCE_ELSEWHERE)


def _damage(folder: Place, entry: ShardEntry) -> str | None:
    """What is wrong with the bytes of a shard; None where nothing is."""
    path = folder / entry.file
    if not isinstance(path, Path):
        return _fetched(path, entry)[0]
    try:
        open_file(path).close()  # refuses a pipe, which would block
        seen = path.stat()
        found = _hash_of_file(path, seen.st_size, seen.st_mtime_ns, seen.st_ino)
    except FileNotFoundError:
        return f"{path} is missing"
    return _difference(path, entry, found)


def _fetched(path: UPath, entry: ShardEntry) -> tuple[str | None, bytes]:
    """What is wrong with the bytes of a shard on another file system, and these bytes, so that what is checked is opened."""
    try:
        content = read_bytes(path)
    except FileNotFoundError:
        return f"{path} is missing", b""
    return _difference(path, entry, hashlib.sha256(content).hexdigest()), content


def _difference(path: Place, entry: ShardEntry, found: str) -> str | None:
    if found == entry.sha256:
        return None
    return f"{path} is damaged: {INDEX_NAME} says SHA-256 {entry.sha256[:12]}, it has {found[:12]}"


@cache
def _hash_of_file(path: Path, _num_bytes: int, _modified_ns: int, _inode: int) -> str:
    """SHA-256 of a file, in hex; cached while size, time and inode stay, since a shard is opened many times in an epoch."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(damage: str, stage: str) -> ArtifactError:
    return ArtifactError(f"{damage}. Delete it, then run: dvc repro {stage} (darkroom verify looks at all files)")
