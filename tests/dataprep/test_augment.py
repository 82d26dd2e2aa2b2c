from collections.abc import Callable
from pathlib import Path

import albumentations
import cv2
import numpy as np
import pytest

from dataprep.augment import (
    COPIES_VERSION,
    add_noise,
    apply_variation,
    augment_images,
    sample_variation,
    warp,
    write_copies,
)
from dataprep.config import AugmentConfig
from dataprep.image import digest_pixels
from dataprep.rng import rng_for, stable_hashes
from dataprep.shards import ShardReader, read_index
from pipelines.params import read_params
from tests.closure import ROOT
from tests.conftest import local, random_image
from tests.dataprep.test_prepare import CONFIG as PREPARE
from tests.dataprep.test_prepare import dealt, prepare

OFF = read_params(ROOT / "params.yaml").augment.model_copy(update={"copies": 0})
KEYS = stable_hashes([f"{number}.png" for number in range(400)])


def config_with(**changes: dict[str, float]) -> AugmentConfig:
    """All operations off but those named."""
    quiet = {name: {"probability": 0.0} for name in ("rotation", "horizontal_flip", "vertical_flip", "noise", "mixup")}
    values = OFF.model_dump()
    for name, change in {**quiet, **{name: {**quiet[name], **change} for name, change in changes.items()}}.items():
        values[name] |= change
    return AugmentConfig.model_validate(values)


NOTHING = config_with()
EVERYTHING = config_with(
    rotation={"probability": 0.8, "degrees": 30.0},
    horizontal_flip={"probability": 0.5},
    vertical_flip={"probability": 0.5},
    noise={"probability": 0.7, "std": 10.0},
)


def stack(channels: int, count: int = 40) -> np.ndarray:
    return np.stack([random_image(seed, (9, 14, channels)) for seed in range(count)])


@pytest.mark.parametrize("channels", [1, 3])
def test_no_probability_is_the_identity(channels: int) -> None:
    images = stack(channels)
    assert np.array_equal(augment_images(images, KEYS[:40], NOTHING, epoch=1), images)


@pytest.mark.parametrize("channels", [1, 3])
def test_forwards_backwards_shuffled_and_one_by_one_are_the_same(channels: int) -> None:
    images, keys = stack(channels), KEYS[:40]
    whole = augment_images(images, keys, EVERYTHING, epoch=3)
    assert whole.shape == images.shape
    assert whole.dtype == np.uint8
    assert not np.array_equal(whole, images)
    assert np.array_equal(augment_images(images[::-1], keys[::-1], EVERYTHING, epoch=3)[::-1], whole)
    order = np.random.default_rng(0).permutation(40)
    assert np.array_equal(augment_images(images[order], keys[order], EVERYTHING, epoch=3), whole[order])
    for row in range(40):
        alone = augment_images(images[row : row + 1], keys[row : row + 1], EVERYTHING, epoch=3)
        assert np.array_equal(alone[0], whole[row])


def test_another_epoch_copy_or_seed_is_another_variation() -> None:
    images, keys = stack(1), KEYS[:40]
    other_seed = EVERYTHING.model_copy(update={"seed": 9})
    variations = [
        augment_images(images, keys, EVERYTHING, epoch=1),
        augment_images(images, keys, EVERYTHING, epoch=2),
        augment_images(images, keys, EVERYTHING, epoch=1, copy=1),
        augment_images(images, keys, other_seed, epoch=1),
    ]
    for first in range(4):
        for second in range(first):
            assert not np.array_equal(variations[first], variations[second])


def test_the_input_is_not_modified() -> None:
    images = stack(1)
    before = images.copy()
    augment_images(images, KEYS[:40], EVERYTHING, epoch=1)
    assert np.array_equal(images, before)


def test_parameters_have_the_stated_distribution() -> None:
    keys = stable_hashes([str(number) for number in range(20_000)])
    variation = sample_variation(keys, EVERYTHING, epoch=1)
    turned = variation.degrees != 0
    assert abs(turned.mean() - 0.8) < 0.015
    assert abs(variation.mirrored.mean() - 0.5) < 0.02
    assert abs(variation.upended.mean() - 0.5) < 0.02
    assert abs(variation.noisy.mean() - 0.7) < 0.02
    counts, _ = np.histogram(variation.degrees[turned], bins=12, range=(-30, 30))
    assert np.abs(variation.degrees).max() <= 30
    assert np.abs(counts / counts.mean() - 1).max() < 0.12


@pytest.mark.parametrize("degrees", [-27.5, 10.0, 90.0, 180.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_rotation_is_albumentations_own(degrees: float, channels: int) -> None:
    image = random_image(5, (15, 21, channels))
    theirs = albumentations.Rotate(
        limit=(degrees, degrees), interpolation=cv2.INTER_LINEAR, border_mode=cv2.BORDER_CONSTANT, fill=7, p=1.0
    )(image=image)["image"].reshape(image.shape)
    ours = warp(image, degrees, mirrored=False, upended=False, fill=7)
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize(("mirrored", "upended"), [(True, False), (False, True), (True, True)])
def test_a_folded_flip_is_a_flip_and_then_a_rotation(mirrored: bool, upended: bool) -> None:
    image = random_image(6, (15, 21, 3))
    flipped = image[:: -1 if upended else 1, :: -1 if mirrored else 1]
    assert np.array_equal(warp(image, 0, mirrored=mirrored, upended=upended, fill=0), flipped)
    expected = warp(np.ascontiguousarray(flipped), 20, mirrored=False, upended=False, fill=0)
    folded = warp(image, 20, mirrored=mirrored, upended=upended, fill=0)
    assert np.abs(folded.astype(int) - expected).max() <= 1 + 255 // 32  # OpenCV interpolates in steps of 1/32 pixel
    assert np.abs(folded.astype(int) - expected).mean() < 1.5


def test_noise_has_the_stated_deviation_and_is_clipped() -> None:
    gray = np.full((200, 200, 1), 128, dtype=np.uint8)
    noisy = add_noise(gray, 20.0, rng_for(0, "test")).astype(float)
    assert abs(noisy.mean() - 128) < 0.5
    assert abs(noisy.std() - 20) < 0.5
    assert add_noise(np.full_like(gray, 250), 20.0, rng_for(0, "test")).max() == 255


def test_sampled_parameters_decide_everything() -> None:
    images = stack(3, count=400)
    variation = sample_variation(KEYS, EVERYTHING, epoch=2)
    applied = apply_variation(images, variation, EVERYTHING, epoch=2)
    assert np.array_equal(applied, augment_images(images, KEYS, EVERYTHING, epoch=2))
    untouched = (variation.degrees == 0) & ~variation.mirrored & ~variation.upended & ~variation.noisy
    assert untouched.any()
    assert np.array_equal(applied[untouched], images[untouched])


def test_copies_come_from_train_alone_and_say_what_was_done(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=3, images=9)
    prepared, augmented = tmp_path / "prepared", tmp_path / "augmented"
    prepare(dealt(source), prepared, source)
    config = EVERYTHING.model_copy(update={"copies": 2})
    list(write_copies(prepared, augmented, config, local(1)))
    index = read_index(augmented, stage="augment")
    sources = read_index(prepared, stage="prepare").of_split("train")
    assert [entry.split for entry in index.shards] == ["train"] * len(sources)
    for entry, of in zip(index.shards, sources, strict=True):
        with (
            ShardReader(prepared, of, stage="prepare") as shard,
            ShardReader(augmented, entry, stage="augment") as copies,
        ):
            ids = shard.ids()
            assert copies.ids() == [f"{image_id}#{number}" for number in (1, 2) for image_id in ids]
            assert [name.decode() for name in copies.column("source_id").tolist()] == ids * 2
            assert copies.labels().tolist() == shard.labels().tolist() * 2
            expected = [augment_images(shard.images(), stable_hashes(ids), config, epoch=0, copy=number) for number in (1, 2)]
            assert np.array_equal(copies.images(), np.concatenate(expected))
            assert np.array_equal(
                copies.column("degrees")[: len(ids)], sample_variation(stable_hashes(ids), config, epoch=0, copy=1).degrees
            )


def test_without_copies_the_folder_holds_an_empty_index(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=9)
    prepare(dealt(source), tmp_path / "prepared", source, PREPARE)
    for copies in (1, 0):
        config = EVERYTHING.model_copy(update={"copies": copies})
        list(write_copies(tmp_path / "prepared", tmp_path / "augmented", config, local(1)))
    assert [path.name for path in (tmp_path / "augmented").iterdir()] == ["index.json"]
    assert read_index(tmp_path / "augmented", stage="augment").shards == []


def test_copies_are_made_again_for_other_settings_or_another_version_and_for_nothing_else(
    make_tree: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, augmented = make_tree(classes=2, images=9), tmp_path / "augmented"
    prepare(dealt(source), tmp_path / "prepared", source, PREPARE)

    def made(**changes: object) -> set[bool]:
        config = EVERYTHING.model_copy(update={"copies": 1, **changes})
        return {shard.made for shard in write_copies(tmp_path / "prepared", augmented, config, local(1))}

    assert made() == {True}
    assert made() == made(online=False) == made(mixup=EVERYTHING.mixup.model_copy(update={"alpha": 9.0})) == {False}
    assert made(seed=9) == {True}
    assert made() == {True}
    monkeypatch.setattr("dataprep.augment.COPIES_VERSION", -1)
    assert made() == {True}


def test_the_pixels_of_copies_are_those_of_their_version() -> None:
    """Where this fails, the code makes other copies of the same images: raise COPIES_VERSION, and take the new digest."""
    images = np.random.default_rng(0).integers(0, 256, (50, 12, 10, 1), dtype=np.uint8)
    copies = augment_images(images, KEYS[:50], EVERYTHING, epoch=0, copy=1)
    assert (COPIES_VERSION, digest_pixels(copies)) == (1, "fd362f501085dde0503065021dd9493b")
