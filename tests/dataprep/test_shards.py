import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dataprep.errors import ArtifactError
from dataprep.shards import (
    ShardContent,
    ShardIndex,
    ShardReader,
    bucket_of,
    num_buckets,
    read_index,
    write_index,
    write_shard,
)
from pipelines.params import Params


def content_of(images: np.ndarray, first: int = 0) -> ShardContent:
    """Content whose labels and ids count on from `first`."""
    numbers = np.arange(first, first + len(images))
    return ShardContent(
        images=images,
        labels=numbers % 3,
        ids=[f"ü/{number}.png" for number in numbers],
        class_names=["a", "b", "ü"],
        fingerprint="f" * 32,
        extra={"copy": np.arange(len(images), dtype=np.int32)},
    )


@given(arrays(np.uint8, st.tuples(st.integers(1, 150), st.just(4), st.just(5), st.sampled_from([1, 3]))))
def test_shards_read_back_what_was_written(tmp_path_factory: pytest.TempPathFactory, images: np.ndarray) -> None:
    folder = tmp_path_factory.mktemp("shard")
    content = content_of(images)
    entry = write_shard(folder / "train-00000.h5", content, "train")
    assert entry.num_images == len(images)
    with ShardReader(folder / "train-00000.h5", stage="prepare") as shard:
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
    first = write_shard(tmp_path / "one.h5", content_of(images), "train")
    time.sleep(1.1)  # HDF5 can store times, in whole seconds
    second = write_shard(tmp_path / "two.h5", content_of(images), "train")
    assert first.sha256 == second.sha256
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()
    other = write_shard(tmp_path / "three.h5", content_of(255 - images), "train")
    assert other.sha256 != first.sha256


def test_a_shard_of_another_version_or_none_at_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train-00000.h5"
    write_shard(path, content_of(np.zeros((2, 4, 4, 1), dtype=np.uint8)), "train")
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 2
    with pytest.raises(ArtifactError, match=r"expected shard format version 1; got .*2.*\. Run: dvc repro prepare"):
        ShardReader(path, stage="prepare")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ArtifactError, match="cannot be opened as HDF5"):
        ShardReader(path, stage="prepare")


def test_an_index_reads_back_and_a_missing_one_means_incomplete(tmp_path: Path, params: Params) -> None:
    entry = write_shard(tmp_path / "train-00000.h5", content_of(np.zeros((2, 4, 4, 1), dtype=np.uint8)), "train")
    with pytest.raises(ArtifactError, match=r"index.json is missing\. Run: dvc repro prepare"):
        read_index(tmp_path, stage="prepare")
    index = ShardIndex(shape=(4, 4, 1), class_names=["a"], decode=params.ingest.decode, prepare=params.prepare, shards=[entry])
    write_index(tmp_path, index)
    assert read_index(tmp_path, stage="prepare") == index
    assert index.of_split("train") == [entry]
    assert index.of_split("test") == []


def test_a_new_image_changes_the_bucket_of_no_other() -> None:
    ids = [f"{number}.png" for number in range(5000)]
    buckets = num_buckets(len(ids), 1000)
    assert buckets == num_buckets(len(ids) + 1, 1000) == 8
    counts = np.bincount([bucket_of(image_id, buckets) for image_id in ids], minlength=buckets)
    assert counts.max() < 1000
    assert counts.min() > 400
