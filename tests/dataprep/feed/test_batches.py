import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
import pytest

from dataprep.config.augment import AugmentConfig
from dataprep.core.errors import ArtifactError
from dataprep.feed import batches as stream
from dataprep.feed.batches import (
    Order,
    TrainSet,
    even_sizes,
    find_train_set,
    num_ordered_batches,
    num_train_batches,
    ordered_batches,
    superposed_batches,
    train_batches,
)
from dataprep.store.shards import ShardReader, read_index
from tests.conftest import write_striped_tree
from tests.dataprep.augment.augmenting import EVERYTHING, NOTHING, config_with
from tests.dataprep.augment.test_stored_copies import copy_all
from tests.dataprep.prepare.test_packing import CONFIG, prepare, split_rows


@pytest.mark.parametrize("memory_gib", [0.0, 1.0])
def test_each_image_comes_with_its_own_weight_in_a_last_column(folders: tuple[Path, Path], memory_gib: float) -> None:
    plain = find_train_set(*folders)
    weights = np.arange(1, plain.num_images + 1, dtype=np.float32)
    order = Order(7, 0, memory_gib)
    alone, weighted = (
        list(train_batches(train_set, NOTHING, order, epochs=[1])) for train_set in (plain, replace(plain, weights=weights))
    )
    rows: dict[bytes, int] = {}
    first = 0
    for file in plain.files:
        with file.open() as shard:
            rows |= {image.tobytes(): first + row for row, image in enumerate(shard.images())}
        first += file.num_images
    assert len(rows) == plain.num_images
    for (images, targets), (same, columns) in zip(alone, weighted, strict=True):
        assert np.array_equal(images, same)
        assert np.array_equal(targets, columns[:, :-1])
        assert columns[:, -1].tolist() == [weights[rows[image.tobytes()]] for image in images]


@pytest.mark.parametrize("most", [2, 3, 4, 5, 32])
def test_no_batch_is_one_image_where_there_are_two(most: int) -> None:
    for total in range(2, 200):
        sizes = even_sizes(total, most)
        assert sum(sizes) == total
        assert min(sizes) >= 2
        assert max(sizes) <= max(most, 3)
    assert even_sizes(1, most) == [1]


def test_batches_of_one_image_stay_where_they_are_asked_for() -> None:
    assert even_sizes(3, 1) == [1, 1, 1]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared images of 3 classes and one copy of each train image."""
    folder = tmp_path_factory.mktemp("made")
    source = write_striped_tree(folder / "raw", classes=3, images=30)
    prepare(split_rows(source), folder / "prepared", source)
    copy_all(folder / "prepared", folder / "augmented", EVERYTHING.model_copy(update={"copies": 1}))
    return folder


@pytest.fixture
def folders(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A copy of them, read in blocks of 4 rows and buffers of 32."""
    monkeypatch.setattr(stream, "BLOCK_ROWS", 4)
    monkeypatch.setattr(stream, "BUFFER_BYTES", 0)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "prepared", tmp_path / "augmented"


def epoch_of(
    folders: tuple[Path, Path],
    *,
    batch_size: int = 7,
    seed: int = 0,
    epoch: int = 1,
    config: AugmentConfig = NOTHING,
    memory_gib: float = 0.0,
    workers: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    order = Order(batch_size, seed, memory_gib)
    train_set = find_train_set(*folders)
    batches = list(train_batches(train_set, config, order, epochs=[epoch], workers=workers))
    assert len(batches) == num_train_batches(train_set, config, order.batch_size)
    sizes = {len(images) for images, _ in batches}
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1  # so that no last batch is too small to be measured
    return np.concatenate([images for images, _ in batches]), np.concatenate([targets for _, targets in batches])


def as_rows(images: np.ndarray) -> list[bytes]:
    return [image.tobytes() for image in images]


@pytest.mark.parametrize("memory_gib", [0.0, 1.0])
def test_an_epoch_shows_every_train_image_and_copy_once(folders: tuple[Path, Path], memory_gib: float) -> None:
    train_set = find_train_set(*folders)
    images, targets = epoch_of(folders, memory_gib=memory_gib)
    assert len(images) == train_set.num_images == len(targets)
    stored = []
    for folder, name in zip(folders, ("prepare", "augment"), strict=True):
        index = read_index(folder, stage=name)
        for entry in index.of_split("train"):
            with ShardReader(folder, entry, index.layout, stage=name) as shard:
                stored += as_rows(shard.images())
    assert sorted(as_rows(images)) == sorted(stored)
    assert as_rows(images) != stored
    assert np.allclose(targets.sum(axis=1), 1)


def test_order_depends_on_seed_and_epoch_alone(folders: tuple[Path, Path]) -> None:
    first = as_rows(epoch_of(folders)[0])
    assert as_rows(epoch_of(folders)[0]) == first
    assert as_rows(epoch_of(folders, epoch=2)[0]) != first
    assert as_rows(epoch_of(folders, seed=1)[0]) != first


MIXED = config_with(
    rotation={"probability": 0.5, "degrees": [-20.0, 20.0]},
    noise={"probability": 0.5, "std": [9.0, 9.0]},
    mixup={"probability": 0.4, "alpha": 0.4},
    cutmix={"probability": 0.2},
    superpose={"probability": 0.2},
)


@pytest.mark.parametrize("memory_gib", [0.0, 1.0])
@pytest.mark.parametrize("batch_size", [1, 5, 32, 1000])
def test_neither_images_nor_targets_depend_on_the_batch_size(
    folders: tuple[Path, Path], batch_size: int, memory_gib: float
) -> None:
    images, targets = epoch_of(folders, config=MIXED, memory_gib=memory_gib)
    others, other_targets = epoch_of(folders, batch_size=batch_size, config=MIXED, memory_gib=memory_gib)
    assert np.array_equal(images, others)
    assert np.array_equal(targets, other_targets)
    assert ((targets > 0).sum(axis=1) == 2).any()
    assert (targets.sum(axis=1) > 1.5).any()


@pytest.mark.processes
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_nor_do_they_depend_on_workers_or_the_size_of_their_parts(
    folders: tuple[Path, Path], workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = MIXED.model_copy(update={"balance": "oversample"})
    images, targets = epoch_of(folders, config=config, memory_gib=1.0)
    monkeypatch.setattr(stream, "PART_ROWS", 5)
    others, other_targets = epoch_of(folders, config=config, memory_gib=1.0, workers=workers)
    assert np.array_equal(images, others)
    assert np.array_equal(targets, other_targets)


def test_epochs_follow_one_another_and_each_is_what_it_is_alone(folders: tuple[Path, Path]) -> None:
    train_set = find_train_set(*folders)
    order = Order(7, 0, 1.0)
    together = list(train_batches(train_set, MIXED, order, epochs=[1, 2, 3]))
    apart = [batch for epoch in (1, 2, 3) for batch in train_batches(train_set, MIXED, order, epochs=[epoch])]
    assert len(together) == 3 * num_train_batches(train_set, MIXED, order.batch_size)
    for (images, targets), (others, other_targets) in zip(together, apart, strict=True):
        assert np.array_equal(images, others)
        assert np.array_equal(targets, other_targets)


def test_a_train_set_in_memory_is_read_once_and_shuffled_as_a_whole(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    train_set = find_train_set(*folders)
    assert as_rows(epoch_of(folders, memory_gib=1.0)[0]) != as_rows(epoch_of(folders)[0])
    batches = train_batches(train_set, NOTHING, Order(7, 0, 1.0), epochs=[1, 2, 3])
    next(batches)
    monkeypatch.setattr(ShardReader, "read_into", None)
    assert len(list(batches)) == 3 * num_train_batches(train_set, NOTHING, 7) - 1


def test_balanced_classes_are_shown_alike_each_time_in_another_variation(
    make_tree: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_tree(classes=3, images=30)
    for number in range(20):
        (source / f"class2/{number:02d}.png").unlink()
    prepare(split_rows(source), tmp_path / "prepared", source)
    copy_all(tmp_path / "prepared", tmp_path / "augmented", NOTHING)
    folders = tmp_path / "prepared", tmp_path / "augmented"
    counts = find_train_set(*folders).class_counts
    assert max(counts) > 2 * min(counts)
    config = config_with(noise={"std": [9.0, 9.0]}).model_copy(update={"balance": "oversample"})
    images, targets = epoch_of(folders, config=config)
    assert targets.sum(axis=0).tolist() == [max(counts)] * 3
    assert len(set(as_rows(images))) == len(images)  # an image that comes twice comes in two variations
    still, _ = epoch_of(folders, config=config.model_copy(update={"online": False}))
    assert len(set(as_rows(still))) == sum(counts) < len(still)


def test_superposed_evaluation_is_always_the_same_whatever_the_batch_size(folders: tuple[Path, Path]) -> None:
    config = config_with(superpose={"num_images": 2})
    found = []
    for batch_size in (1, 8, 8, 500):
        batches = list(superposed_batches(folders[0], "validation", config, batch_size))
        found.append([np.concatenate(columns) for columns in zip(*batches, strict=True)])
    images, targets = found[0]
    assert len(images) == 23  # every validation image
    assert (targets.sum(axis=1) == 2).all()
    for others, other_targets in found[1:]:
        assert np.array_equal(images, others)
        assert np.array_equal(targets, other_targets)


def test_small_blocks_fill_a_window(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    train_set = find_train_set(*folders)
    monkeypatch.setattr(stream, "BUFFER_BYTES", 10**9)
    opened: list[int] = []
    read = stream._read_blocks

    def counted(train_set: TrainSet, blocks: list[tuple[int, int, int]]) -> np.ndarray:
        opened.append(len(blocks))
        return read(train_set, blocks)

    monkeypatch.setattr(stream, "_read_blocks", counted)
    assert len(epoch_of(folders)[0]) == train_set.num_images
    assert opened == [len(stream._blocks(train_set))]


def test_copies_of_an_earlier_split_are_refused(
    folders: tuple[Path, Path], make_tree: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_tree(classes=3, images=30)
    turned = pl.col("split").replace({"train": "test", "test": "train"})
    prepare(split_rows(source).with_columns(turned), tmp_path / "turned", source)
    with pytest.raises(ArtifactError, match=r"holds copies of other images than .*turned does\. Run: dvc repro augment"):
        find_train_set(tmp_path / "turned", folders[1])


def test_offline_only_shows_the_images_as_stored(folders: tuple[Path, Path]) -> None:
    config = EVERYTHING.model_copy(update={"online": False})
    assert as_rows(epoch_of(folders, config=config)[0]) == as_rows(epoch_of(folders)[0])


def test_one_shard_is_open_at_a_time(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []

    class Counted(ShardReader):
        def __enter__(self) -> Self:
            opened.append(self)
            assert len(opened) == 1
            return self

        def __exit__(self, *exception: object) -> None:
            opened.remove(self)
            super().__exit__(*exception)

    monkeypatch.setattr(stream, "ShardReader", Counted)
    assert len(find_train_set(*folders).files) > 4
    epoch_of(folders)


def test_evaluation_reads_every_image_of_a_split_in_order(folders: tuple[Path, Path]) -> None:
    batches = list(ordered_batches(folders[0], "validation", 4))
    assert len(batches) == num_ordered_batches(folders[0], "validation", 4)
    ids = [image_id for _, _, names in batches for image_id in names]
    assert len(ids) == len(set(ids)) == 23
    assert [image_id for _, _, names in ordered_batches(folders[0], "validation", 100) for image_id in names] == ids


def test_copies_of_an_earlier_data_set_are_refused(
    folders: tuple[Path, Path], make_tree: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_tree(classes=3, images=30)
    larger = CONFIG.model_copy(update={"image_size": (12, 12)})
    prepare(split_rows(source), tmp_path / "larger", source, larger)
    with pytest.raises(ArtifactError, match=r"holds copies of other images than .*larger does\. Run: dvc repro augment"):
        find_train_set(tmp_path / "larger", folders[1])
