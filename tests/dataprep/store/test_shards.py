import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dataprep.config.base import SplitName
from dataprep.core.errors import ArtifactError, ExecuteError
from dataprep.decode.value_range import with_levels
from dataprep.store.shard_content import ShardLayout
from dataprep.store.shards import (
    Filled,
    ShardContent,
    ShardEntry,
    ShardIndex,
    ShardKey,
    ShardReader,
    check_shards,
    fill_folder,
    fingerprint,
    num_buckets,
    read_index,
    write_index,
    write_shard,
)
from pipelines.parameters.params import Params


def content_of(images: np.ndarray, first: int = 0) -> ShardContent:
    """Content whose labels and ids count on from `first`."""
    numbers = np.arange(first, first + len(images))
    return ShardContent(
        images=images,
        labels=numbers % 3,
        ids=[f"ü/{number}.png" for number in numbers],
        class_names=CLASSES,
        extra={"copy": np.arange(len(images), dtype=np.int32)},
    )


CLASSES = ["a", "b", "ü"]


def layout_of(images: np.ndarray | None = None) -> ShardLayout:
    return ShardLayout((4, 4, 1) if images is None else images.shape[1:], CLASSES)


def write(folder: Path, images: np.ndarray, *, split: SplitName = "train", bucket: int = 0, first: int = 0) -> ShardEntry:
    """Writes a shard whose labels and ids count on from `first`."""
    return write_shard(folder, ShardKey(split, bucket, f"{bucket:032x}"), content_of(images, first))


@given(arrays(np.uint8, st.tuples(st.integers(1, 150), st.just(4), st.just(5), st.sampled_from([1, 3]))))
def test_shards_read_back_what_was_written(tmp_path_factory: pytest.TempPathFactory, images: np.ndarray) -> None:
    folder = tmp_path_factory.mktemp("shard")
    content = content_of(images)
    entry = write(folder, images)
    assert entry.num_images == len(images)
    assert entry.sha256 == hashlib.sha256((folder / entry.file).read_bytes()).hexdigest()
    with ShardReader(folder, entry, layout_of(images), stage="prepare") as shard:
        assert len(shard) == len(images)
        assert np.array_equal(shard.images(), images)
        assert np.array_equal(shard.images(1, 3), images[1:3])
        assert np.array_equal(shard.labels(), content.labels)
        assert shard.ids() == content.ids
        assert np.array_equal(shard.column("copy"), content.extra["copy"])
        pixel_sum, pixel_square_sum = shard.sums()
        assert np.array_equal(pixel_sum, images.astype(np.uint64).sum(axis=0))
        assert np.array_equal(pixel_square_sum, (images.astype(np.uint64) ** 2).sum(axis=0))


def test_the_same_content_is_the_same_bytes(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (10, 4, 4, 1), dtype=np.uint8)
    (first, second, other) = (tmp_path / name for name in ("first", "second", "other"))
    entry = write(first, images)
    time.sleep(1.1)  # HDF5 can store times, in whole seconds
    assert write(second, images) == entry
    assert (first / entry.file).read_bytes() == (second / entry.file).read_bytes()
    assert write(other, 255 - images).sha256 != entry.sha256


def test_a_shard_whose_bytes_are_not_those_of_the_index_is_never_opened(tmp_path: Path) -> None:
    entry = write(tmp_path, np.zeros((2, 4, 4, 1), dtype=np.uint8))
    path = tmp_path / entry.file
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    message = rf"{entry.file} is damaged: .*\. Delete it, then run: dvc repro prepare \(darkroom verify"
    with pytest.raises(ArtifactError, match=message):
        ShardReader(tmp_path, entry, layout_of(), stage="prepare")
    with pytest.raises(ArtifactError, match=message):
        check_shards(tmp_path, [entry], stage="prepare")
    path.unlink()
    with pytest.raises(ArtifactError, match=rf"{entry.file} is missing\."):
        ShardReader(tmp_path, entry, layout_of(), stage="prepare")


def forged(folder: Path, entry: ShardEntry, forge: Callable[[h5py.File], None]) -> ShardEntry:
    """What somebody who can write an index can do to a shard."""
    path = folder / entry.file
    with h5py.File(path, "r+") as file:
        forge(file)
    return entry.model_copy(update={"sha256": hashlib.sha256(path.read_bytes()).hexdigest()})


def other_version(file: h5py.File) -> None:
    file.attrs["format_version"] = 1


def external_link(file: h5py.File) -> None:
    del file["images"]
    file["images"] = h5py.ExternalLink("/tmp/other.h5", "images")


def soft_link(file: h5py.File) -> None:
    del file["labels"]
    file["labels"] = h5py.SoftLink("/images")


def external_storage(file: h5py.File) -> None:
    del file["images"]
    file.create_dataset("images", (2, 4, 4, 1), dtype=np.uint8, external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def virtual_data(file: h5py.File) -> None:
    del file["images"]
    layout = h5py.VirtualLayout((2, 4, 4, 1), dtype=np.uint8)
    layout[:] = h5py.VirtualSource("/tmp/other.h5", "images", (2, 4, 4, 1))
    file.create_virtual_dataset("images", layout)


def text_of_any_length(file: h5py.File) -> None:
    del file["ids"]
    file["ids"] = ["a", "b"]


def filtered(file: h5py.File) -> None:
    del file["images"]
    file.create_dataset("images", data=np.zeros((2, 4, 4, 1), dtype=np.uint8), compression="gzip")


def endless_group(file: h5py.File) -> None:
    file["extra/extra"] = file["extra"]


def named_type(file: h5py.File) -> None:
    file["kind"] = np.dtype("u1")


@pytest.mark.parametrize(
    ("forge", "message"),
    [
        (other_version, "expected shard format version 2; got .*1.*Run: dvc repro prepare"),
        (external_link, "'images' is a link"),
        (soft_link, "'labels' is a link"),
        (external_storage, "'images' has its values in other files"),
        (virtual_data, "'images' has its values in other files"),
        (text_of_any_length, "'ids' has the type object"),
        (filtered, "'images' has .* a layout"),
        (endless_group, "'extra' is no data set"),
        (named_type, "'kind' is no data set"),
    ],
)
def test_what_is_no_plain_shard_is_refused_though_its_hash_is_right(
    forge: Callable[[h5py.File], None], message: str, tmp_path: Path
) -> None:
    entry = forged(tmp_path, write(tmp_path, np.zeros((2, 4, 4, 1), dtype=np.uint8)), forge)
    with pytest.raises(ArtifactError, match=message):
        ShardReader(tmp_path, entry, layout_of(), stage="prepare")


def test_what_is_no_hdf5_is_refused(tmp_path: Path) -> None:
    entry = write(tmp_path, np.zeros((2, 4, 4, 1), dtype=np.uint8))
    (tmp_path / entry.file).write_bytes(b"text")
    with pytest.raises(ArtifactError, match="cannot be opened as HDF5"):
        ShardReader(
            tmp_path, entry.model_copy(update={"sha256": hashlib.sha256(b"text").hexdigest()}), layout_of(), stage="prepare"
        )


def index_of(entries: list[ShardEntry], params: Params) -> ShardIndex:
    return ShardIndex(
        shape=(4, 4, 1),
        class_names=["a"],
        decode=with_levels(params.ingest.decode, {}),
        prepare=params.prepare.pixels,
        shards=entries,
    )


def test_an_index_cannot_lead_out_of_its_folder(tmp_path: Path, params: Params) -> None:
    entry = write(tmp_path, np.zeros((2, 4, 4, 1), dtype=np.uint8))
    write_index(tmp_path, index_of([entry], params))
    path = tmp_path / "index.json"
    path.write_text(path.read_text().replace(entry.file, "../train-00000-00000000.h5"))
    with pytest.raises(ArtifactError, match=r"is not a ShardIndex that this version reads \(shards\.0\.file"):
        read_index(tmp_path, stage="prepare")


def test_an_index_reads_back_and_a_missing_one_means_incomplete(tmp_path: Path, params: Params) -> None:
    entry = write(tmp_path, np.zeros((2, 4, 4, 1), dtype=np.uint8))
    with pytest.raises(ArtifactError, match=r"index.json is missing\. Run: dvc repro prepare"):
        read_index(tmp_path, stage="prepare")
    index = index_of([entry], params)
    write_index(tmp_path, index)
    assert read_index(tmp_path, stage="prepare") == index
    assert index.of_split("train") == [entry]
    assert index.of_split("test") == []


@dataclass(frozen=True, slots=True)
class Task:
    """Makes a shard whose pixels are all `level`."""

    bucket: int
    level: int

    @property
    def key(self) -> ShardKey:
        return ShardKey("train", self.bucket, f"{self.level:08x}" + "0" * 24)


class Folder:
    """Fills a folder of shards and counts what is made."""

    def __init__(self, root: Path, params: Params) -> None:
        self.root = root
        self.made: list[int] = []
        self.stops_before: int | None = None
        self._index = index_of([], params)

    def build(self, tasks: Sequence[Task]) -> Iterator[ShardEntry]:
        for task in tasks:
            if task.bucket == self.stops_before:
                raise KeyboardInterrupt
            self.made.append(task.bucket)
            yield write_shard(self.root, task.key, content_of(np.full((2, 4, 4, 1), task.level, dtype=np.uint8)))

    def fill(self, levels: Sequence[int]) -> list[Filled]:
        self.made = []
        tasks = [Task(bucket, level) for bucket, level in enumerate(levels)]
        return list(fill_folder(self.root, tasks, self.build, self._index))

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.root.iterdir()}

    def index(self) -> ShardIndex:
        return read_index(self.root, stage="prepare")


@pytest.fixture
def folder(tmp_path: Path, params: Params) -> Folder:
    return Folder(tmp_path / "prepared", params)


def test_only_what_changed_is_made_and_the_rest_is_not_touched(folder: Folder) -> None:
    assert [shard.made for shard in folder.fill([1, 2, 3])] == [True] * 3
    before = {path.name: path.stat().st_mtime_ns for path in folder.root.glob("*.h5")}
    shards = folder.fill([1, 7, 3])
    assert folder.made == [1]
    assert sorted(shard.entry.bucket for shard in shards if not shard.made) == [0, 2]
    after = {path.name: path.stat().st_mtime_ns for path in folder.root.glob("*.h5")}
    assert len(before.items() & after.items()) == 2
    assert len(after) == 3
    folder.fill([1, 7])
    assert folder.made == []
    assert [entry.bucket for entry in folder.index().shards] == [0, 1]
    assert len(folder.files()) == 3


def test_what_a_stopped_run_finished_is_not_made_again_and_the_old_index_stands_until_the_new_one_does(folder: Folder) -> None:
    folder.fill([1, 2, 3])
    old = folder.files()
    folder.stops_before = 2
    with pytest.raises(KeyboardInterrupt):
        folder.fill([4, 5, 6])
    assert folder.made == [0, 1]
    assert old.items() <= folder.files().items()
    check_shards(folder.root, folder.index().shards, stage="prepare")
    folder.stops_before = None
    folder.fill([4, 5, 6])
    assert folder.made == [2]
    resumed = folder.files()
    folder.fill([7, 8, 9])
    folder.fill([4, 5, 6])
    assert folder.made == [0, 1, 2]
    assert folder.files() == resumed
    assert len(resumed) == 4


def test_a_journal_that_was_cut_costs_the_shard_of_its_last_line(folder: Folder) -> None:
    folder.stops_before = 2
    with pytest.raises(KeyboardInterrupt):
        folder.fill([1, 2, 3])
    journal = folder.root / "unfinished.jsonl"
    journal.write_bytes(journal.read_bytes()[:-5])
    folder.stops_before = None
    folder.fill([1, 2, 3])
    assert folder.made == [1, 2]


@pytest.mark.parametrize("spoil", ["flip", "cut", "delete"])
def test_a_shard_that_was_damaged_is_made_again(folder: Folder, spoil: str) -> None:
    folder.fill([1, 2, 3])
    whole = folder.files()
    path = folder.root / folder.index().shards[1].file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    if spoil == "delete":
        path.unlink()
    else:
        path.write_bytes(content if spoil == "flip" else content[:100])
    folder.fill([1, 2, 3])
    assert folder.made == [1]
    assert folder.files() == whole


def test_without_its_index_nothing_is_trusted(folder: Folder) -> None:
    folder.fill([1, 2])
    (folder.root / "index.json").write_text("{")
    folder.fill([1, 2])
    assert folder.made == [0, 1]


def test_the_number_of_buckets_holds_until_the_data_set_doubles() -> None:
    assert num_buckets(0.0) == num_buckets(0.001) == num_buckets(1.0) == 1
    assert num_buckets(4.001) == num_buckets(8.0) == 8


def test_a_fingerprint_depends_on_where_one_part_ends() -> None:
    assert fingerprint(b"ab", b"c") != fingerprint(b"a", b"bc")
    assert fingerprint(1, "1") != fingerprint("1", 1)


def test_sums_are_exact_for_many_bright_images(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(240, 256, (1000, 4, 4, 1), dtype=np.uint8)
    with ShardReader(tmp_path, write(tmp_path, images), layout_of(images), stage="prepare") as shard:
        pixel_sum, pixel_square_sum = shard.sums()
    assert np.array_equal(pixel_sum, images.sum(axis=0, dtype=np.uint64))
    assert np.array_equal(pixel_square_sum, (images.astype(np.uint64) ** 2).sum(axis=0))


def test_rows_that_are_not_there_are_not_read(tmp_path: Path) -> None:
    entry = write(tmp_path, np.zeros((3, 4, 4, 1), dtype=np.uint8))
    with ShardReader(tmp_path, entry, layout_of(), stage="prepare") as shard:
        assert len(shard.images(2, 9)) == 1
        with pytest.raises(IndexError, match="rows 2 to 4 as"):
            shard.read_into(np.empty((2, 4, 4, 1), dtype=np.uint8), 2)
        with pytest.raises(IndexError, match=r"rows 0 to 2 as \(2, 4, 1\) of \(3, 4, 4, 1\)"):
            shard.read_into(np.empty((2, 2, 4, 1), dtype=np.uint8), 0)
        os.truncate(tmp_path / entry.file, 100)
        with pytest.raises(ArtifactError, match=r"is damaged: it ended while it was read\. .*dvc repro prepare"):
            shard.images()


def test_a_shard_that_a_worker_wrote_into_another_folder_is_noticed(tmp_path: Path, params: Params) -> None:
    here, there = tmp_path / "here", tmp_path / "there"

    def elsewhere(_: object) -> Iterator[ShardEntry]:
        yield write(there, np.zeros((3, 4, 4, 1), dtype=np.uint8))

    with pytest.raises(
        ExecuteError, match=r"train-00000-00000000\.h5 was written by a worker and is not here.*docs/cluster\.md"
    ):
        list(fill_folder(here, [Task(0, 0)], elsewhere, index_of([], params)))
    assert not (here / "index.json").exists()
