from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from dataprep.augment.apply import augment_images
from dataprep.augment.drawn_parameters import sample_variation
from dataprep.augment.stored_copies import COPIES_VERSION, plan_copies, write_copies
from dataprep.config.augment import AugmentConfig
from dataprep.core.errors import ArtifactError
from dataprep.core.rng import stable_hashes
from dataprep.decode.image import digest_pixels
from dataprep.store.shards import Filled, ShardReader, read_index
from tests.conftest import local
from tests.dataprep.augment.augmenting import EVERYTHING, KEYS, config_with
from tests.dataprep.prepare.test_packing import CONFIG, prepare, split_rows


def copy_all(prepared: Path, augmented: Path, config: AugmentConfig, workers: int = 1) -> list[Filled]:
    return list(write_copies(prepared, augmented, plan_copies(prepared, augmented, config), local(workers)))


@pytest.fixture
def prepared(make_tree: Callable[..., Path], tmp_path: Path) -> Path:
    source = make_tree(classes=3, images=9)
    prepare(split_rows(source), tmp_path / "prepared", source)
    return tmp_path / "prepared"


def rows_of(folder: Path, stage: str) -> dict[str, tuple[bytes, int]]:
    found = {}
    index = read_index(folder, stage=stage)
    for entry in index.of_split("train"):
        with ShardReader(folder, entry, index.layout, stage=stage) as shard:
            for image_id, image, label in zip(shard.ids(), shard.images(), shard.labels().tolist(), strict=True):
                found[image_id] = (image.tobytes(), label)
    return found


def test_copies_come_from_train_alone_and_say_what_was_done(prepared: Path, tmp_path: Path) -> None:
    config = EVERYTHING.model_copy(update={"copies": 2})
    copy_all(prepared, tmp_path / "augmented", config)
    originals, copies = rows_of(prepared, "prepare"), rows_of(tmp_path / "augmented", "augment")
    assert set(copies) == {f"{image_id}#{number}" for image_id in originals for number in (1, 2)}
    index = read_index(tmp_path / "augmented", stage="augment")
    for entry in index.shards:
        assert entry.split == "train"
        with ShardReader(tmp_path / "augmented", entry, index.layout, stage="augment") as shard:
            sources = [name.decode() for name in shard.column("source_id").tolist()]
            numbers = shard.column("copy")
            assert shard.ids() == [f"{image_id}#{number}" for image_id, number in zip(sources, numbers, strict=True)]
            assert shard.labels().tolist() == [originals[image_id][1] for image_id in sources]
            shape = shard.images().shape
            images = np.frombuffer(b"".join(originals[image_id][0] for image_id in sources), np.uint8).reshape(shape)
            keys = stable_hashes(sources)
            assert np.array_equal(shard.images(), augment_images(images, keys, config, epoch=0, copy=int(numbers[0])))
            drawn = sample_variation(keys, config, epoch=0, copy=int(numbers[0]))
            assert np.array_equal(shard.column("rotation"), drawn["rotation"].happens)
            assert np.array_equal(shard.column("rotation.degrees"), drawn["rotation"].values["degrees"])


@pytest.mark.processes
def test_copies_are_the_same_bytes_for_any_number_of_workers(prepared: Path, tmp_path: Path) -> None:
    config = EVERYTHING.model_copy(update={"copies": 3})
    for workers in (1, 2):
        copy_all(prepared, tmp_path / str(workers), config, workers)
    files = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("1", "2")]
    assert files[0] == files[1]


def test_without_copies_the_folder_holds_an_empty_index(prepared: Path, tmp_path: Path) -> None:
    for copies in (1, 0):
        copy_all(prepared, tmp_path / "augmented", EVERYTHING.model_copy(update={"copies": copies}))
    assert [path.name for path in (tmp_path / "augmented").iterdir()] == ["index.json"]
    assert read_index(tmp_path / "augmented", stage="augment").shards == []


def test_copies_are_made_again_for_other_settings_or_another_version_and_for_nothing_else(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(**changes: object) -> set[bool]:
        config = EVERYTHING.model_copy(update={"copies": 1, **changes})
        return {shard.made for shard in copy_all(prepared, tmp_path / "augmented", config)}

    assert made() == {True}
    assert made() == made(online=False) == made(mixup=EVERYTHING.mixup.model_copy(update={"alpha": 9.0})) == {False}
    assert made(channel_shuffle=EVERYTHING.channel_shuffle) == made(label_safe=("digits",)) == {False}
    assert made(copies=2) == {True, False}
    assert made(seed=9) == {True}
    assert made() == {True}
    monkeypatch.setattr("dataprep.augment.stored_copies.COPIES_VERSION", -1)
    assert made() == {True}


def test_rare_classes_get_more_copies(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=3, images=9)
    for number in range(5):
        (source / f"class2/{number:02d}.png").unlink()
    prepare(split_rows(source), tmp_path / "prepared", source)
    before = np.bincount([label for _, label in rows_of(tmp_path / "prepared", "prepare").values()])
    assert before[2] < before[0]
    config = EVERYTHING.model_copy(update={"copies": 1, "balance": "oversample"})
    copy_all(tmp_path / "prepared", tmp_path / "augmented", config)
    copies = np.bincount([label for _, label in rows_of(tmp_path / "augmented", "augment").values()])
    assert (before + copies).tolist() == [2 * before.max()] * 3


def test_copies_of_other_rows_are_other_shards(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=3, images=30)
    for number in range(17):
        (source / f"class2/{number:02d}.png").unlink()
    prepare(split_rows(source), tmp_path / "prepared", source)
    plans = []
    for fraction in (0.6, 0.9):
        config = EVERYTHING.model_copy(update={"copies": 1, "balance": "to_fraction", "balance_fraction": fraction})
        tasks = plan_copies(tmp_path / "prepared", tmp_path / "augmented", config)
        copied = [(task.rows.tolist(), task.numbers.tolist()) for task in tasks]
        plans.append({task.key.bucket: (rows, task.key) for rows, task in zip(copied, tasks, strict=True)})
    common = [(plans[0][shard], plans[1][shard]) for shard in plans[0].keys() & plans[1].keys()]
    same_rows = [first[0] == second[0] for first, second in common]
    assert set(same_rows) == {True, False}, plans
    assert all((first[0] == second[0]) == (first[1] == second[1]) for first, second in common)


def test_the_many_copies_of_a_few_images_share_shards(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=60)
    for number in range(57):
        (source / f"class1/{number:02d}.png").unlink()
    whole = CONFIG.model_copy(update={"images_per_shard": 1000})
    prepare(split_rows(source), tmp_path / "prepared", source, whole)
    config = EVERYTHING.model_copy(update={"copies": 1, "balance": "oversample"})
    tasks = plan_copies(tmp_path / "prepared", tmp_path / "augmented", config)
    assert max(task.numbers.max() for task in tasks) > 15
    assert len(tasks) <= 4
    copied = [(row, number) for task in tasks for row, number in zip(task.rows, task.numbers, strict=True)]
    assert len(set(copied)) == len(copied)
    copy_all(tmp_path / "prepared", tmp_path / "augmented", config)
    assert len(rows_of(tmp_path / "augmented", "augment")) == sum(len(task.rows) for task in tasks)


def test_color_operations_want_color_images(prepared: Path, tmp_path: Path) -> None:
    config = EVERYTHING.model_copy(
        update={"copies": 1, "channel_shuffle": EVERYTHING.channel_shuffle.model_copy(update={"probability": 0.5})}
    )
    with pytest.raises(ArtifactError, match=r"^augment.channel_shuffle is on and needs color images; .*: dvc repro prepare$"):
        plan_copies(prepared, tmp_path / "augmented", config)


OPERATIONS_OF_VERSION_2 = (
    *("pen_width", "horizontal_flip", "vertical_flip", "zoom", "shear", "rotation", "shift", "elastic", "grid_distortion"),
    *("gaussian_blur", "motion_blur", "brightness", "contrast", "inversion", "erasing", "noise", "salt_and_pepper"),
)
"""Those that were there when the digest was taken; an operation that is added changes no copy while it is off."""


def test_the_pixels_of_copies_are_those_of_their_version() -> None:
    """Where this fails, the code makes other copies of the same images: raise COPIES_VERSION, and take the new digest."""
    images = np.random.default_rng(0).integers(0, 256, (50, 12, 10, 1), dtype=np.uint8)
    often: dict[str, Mapping[str, object]] = {name: {"probability": 0.4} for name in OPERATIONS_OF_VERSION_2}
    config = config_with(**{**often, "rotation": {"probability": 0.8, "degrees": [-30.0, 20.0]}})
    copies = augment_images(images, KEYS[:50], config, epoch=0, copy=1)
    assert (COPIES_VERSION, digest_pixels(copies)) == (2, "1729a98ebcc93b35de87ede36885e8c5")
