from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from skimage.filters import threshold_otsu
from skimage.transform import resize as skimage_resize

from dataprep.config import DecodeConfig, PrepareConfig, ResizeConfig, SaturateConfig
from dataprep.errors import SourceError
from dataprep.image import Pixels, to_gray
from dataprep.prepare import prepare_image, prepare_images, resize, saturate
from dataprep.shards import ShardReader, read_index
from tests.conftest import local, random_image, striped, write_png
from tests.dataprep.ingesting import run

DECODE = DecodeConfig(max_pixels=1_000_000, background=255)
STRETCH = ResizeConfig(mode="stretch", interpolation="linear", pad_value=9)
KEEP = SaturateConfig(method="none", threshold=0)
CONFIG = PrepareConfig(image_size=(8, 8), color="gray", resize=STRETCH, saturate=KEEP, images_per_shard=5)


def smooth(height: int, width: int) -> Pixels:
    rows, columns = np.indices((height, width))
    waves = 127 + 60 * np.sin(rows / height * 3) + 60 * np.cos(columns / width * 3)
    return np.asarray(waves[:, :, np.newaxis], dtype=np.uint8)


@pytest.mark.parametrize("interpolation", ["linear", "cubic", "area", "lanczos"])
@pytest.mark.parametrize("size", [(40, 56), (30, 30), (9, 11)])
def test_stretching_agrees_with_scikit_image(interpolation: str, size: tuple[int, int]) -> None:
    image = smooth(30, 42)
    config = STRETCH.model_copy(update={"interpolation": interpolation})
    expected = skimage_resize(image[:, :, 0], size, order=1, anti_aliasing=True, preserve_range=True)
    assert np.abs(resize(image, size, config)[:, :, 0] - expected).mean() < 2


def test_shrinking_does_not_alias() -> None:
    checkers = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[:, :, np.newaxis]
    for interpolation in ("linear", "cubic", "area", "lanczos"):
        shrunk = resize(checkers, (16, 16), STRETCH.model_copy(update={"interpolation": interpolation}))
        assert np.abs(shrunk.astype(int) - 127).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(8, 8), (5, 9), (40, 20)])
@pytest.mark.parametrize("mode", ["stretch", "pad", "crop"])
def test_every_mode_gives_the_size_asked_for(mode: str, size: tuple[int, int], channels: int) -> None:
    image = random_image(0, (10, 23, channels))
    before = image.copy()
    resized = resize(image, size, STRETCH.model_copy(update={"mode": mode}))
    assert resized.shape == (*size, channels)
    assert resized.dtype == np.uint8
    assert np.array_equal(image, before)


def test_padding_keeps_proportions_and_adds_margins() -> None:
    padded = resize(np.full((4, 8, 1), 200, dtype=np.uint8), (8, 8), STRETCH.model_copy(update={"mode": "pad"}))
    assert padded[:, 0, 0].tolist() == [9, 9, 200, 200, 200, 200, 9, 9]


def test_cropping_keeps_the_centre() -> None:
    image = np.tile(np.arange(12, dtype=np.uint8), (4, 1))[:, :, np.newaxis]
    assert resize(image, (4, 4), STRETCH.model_copy(update={"mode": "crop"}))[0, :, 0].tolist() == [4, 5, 6, 7]


def test_cropping_a_very_long_image_costs_what_is_kept() -> None:
    long = np.tile(np.arange(2, dtype=np.uint8) * 255, (1, 100_000))[:, :, np.newaxis]
    assert resize(long, (96, 96), STRETCH.model_copy(update={"mode": "crop"})).shape == (96, 96, 1)


def test_an_image_of_the_right_size_is_unchanged() -> None:
    image = random_image(1, (8, 8, 1))
    for mode in ("stretch", "pad", "crop"):
        assert np.array_equal(resize(image, (8, 8), STRETCH.model_copy(update={"mode": mode})), image)


def test_saturation_is_black_below_the_threshold_and_white_from_it_on() -> None:
    image = np.array([[0, 229, 230, 255]], dtype=np.uint8)[:, :, np.newaxis]
    saturated = saturate(image, SaturateConfig(method="threshold", threshold=230))
    assert saturated.ravel().tolist() == [0, 0, 255, 255]
    assert saturated.dtype == np.uint8


def test_otsu_separates_as_scikit_image_does() -> None:
    image = striped(0, seed=3)
    saturated = saturate(image, SaturateConfig(method="otsu", threshold=0))
    assert np.array_equal(saturated == 255, image > threshold_otsu(image))
    assert np.unique(saturated).tolist() == [0, 255]
    assert saturate(np.full((3, 3, 1), 7, dtype=np.uint8), SaturateConfig(method="otsu", threshold=0)).max() == 0


def test_color_decides_the_channels() -> None:
    image = random_image(2, (8, 8, 3))
    assert np.array_equal(prepare_image(image, CONFIG), to_gray(image))
    assert np.array_equal(prepare_image(image, CONFIG.model_copy(update={"color": "rgb"})), image)


def dealt(source: Path) -> pl.DataFrame:
    """Manifest and split of a source: every fourth image to validation, every fifth to test."""
    manifest = run(source)
    number = pl.int_range(pl.len())
    split = (
        pl.when(number % 4 == 0)
        .then(pl.lit("validation"))
        .when(number % 5 == 0)
        .then(pl.lit("test"))
        .otherwise(pl.lit("train"))
    )
    return manifest.with_columns(split=split)


def prepare(images: pl.DataFrame, output: Path, source: Path, config: PrepareConfig = CONFIG, workers: int = 1) -> None:
    list(prepare_images(images, output, source=source, decode=DECODE, prepare=config, execute=local(workers)))


def test_shards_hold_each_image_once_with_its_label(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=3, images=9)
    images = dealt(source)
    prepare(images, tmp_path / "prepared", source, CONFIG.model_copy(update={"image_size": (12, 12)}))
    index = read_index(tmp_path / "prepared", stage="prepare")
    assert index.shape == (12, 12, 1)
    assert len(index.of_split("train")) > 1
    seen = {}
    for entry in index.shards:
        with ShardReader(tmp_path / "prepared" / entry.file, stage="prepare") as shard:
            for image, label, image_id in zip(shard.images(), shard.labels(), shard.ids(), strict=True):
                seen[image_id] = (entry.split, index.class_names[label])
                number = int(image_id[-6:-4])
                assert np.array_equal(image, striped(label, 1000 * label + number))
    assert seen == {row["id"]: (row["split"], row["label"]) for row in images.iter_rows(named=True)}


def test_the_bytes_are_the_same_for_any_number_of_workers_and_any_order(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=3, images=9)
    images = dealt(source)
    prepare(images, tmp_path / "one", source, workers=1)
    prepare(images.sample(fraction=1.0, shuffle=True, seed=3), tmp_path / "two", source, workers=2)
    contents = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert len(contents[0]) > 4
    assert contents[0] == contents[1]


def test_neighbours_in_a_shard_are_of_several_classes(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=3, images=30)
    prepare(dealt(source), tmp_path / "prepared", source, CONFIG.model_copy(update={"images_per_shard": 100}))
    with ShardReader(tmp_path / "prepared/train-00000.h5", stage="prepare") as shard:
        labels = shard.labels()
    assert (np.diff(labels) != 0).mean() > 0.4


def test_shards_of_an_earlier_run_are_removed(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=9)
    images = dealt(source)
    prepare(images, tmp_path / "prepared", source)
    prepare(images, tmp_path / "prepared", source, CONFIG.model_copy(update={"images_per_shard": 100}))
    assert sorted(path.name for path in (tmp_path / "prepared").iterdir()) == [
        "index.json",
        "test-00000.h5",
        "train-00000.h5",
        "validation-00000.h5",
    ]


def test_a_file_that_changed_since_ingest_is_named_and_no_index_is_left(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=9)
    images = dealt(source)
    prepare(images, tmp_path / "prepared", source)
    write_png(source / "class1/05.png", random_image(77))
    with pytest.raises(SourceError, match=r"class1/05.png: its bytes changed since ingest read them\. Run: dvc repro"):
        prepare(images, tmp_path / "prepared", source)
    assert not (tmp_path / "prepared/index.json").exists()
    (source / "class1/05.png").unlink()
    with pytest.raises(SourceError, match=r"class1/05.png: cannot be read any more"):
        prepare(images, tmp_path / "prepared", source)
