import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dataprep.config.decode import Decoding
from dataprep.config.prepare import PrepareConfig, ResizeConfig, SaturateConfig
from dataprep.core.errors import ArtifactError, SourceError
from dataprep.prepare.packing import _settings, prepare_images
from dataprep.store.shards import ShardEntry, ShardReader, check_shards, read_index
from tests.conftest import local, random_image, striped, write_png
from tests.dataprep.ingest.ingesting import run

DECODE = Decoding(max_pixels=1_000_000, background=255, black_level="full", white_level="full", levels={})
STRETCH = ResizeConfig(mode="stretch", interpolation="linear", pad_value=9)
KEEP = SaturateConfig(method="off", threshold=0, window_px=25, ink="dark", output="keep_ink")
CONFIG = PrepareConfig(
    image_size=(8, 8),
    color="gray",
    resize=STRETCH,
    denoise_px=0,
    equalise="off",
    saturate=KEEP,
    invert=False,
    images_per_shard=5,
    mib_per_shard=64,
)


def split_rows(source: Path) -> pl.DataFrame:
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


def prepare(
    images: pl.DataFrame, output: Path, source: Path, config: PrepareConfig = CONFIG, workers: int = 1
) -> list[ShardEntry]:
    """Prepares and returns the shards that had to be made."""
    shards = prepare_images(images, output, source=source, decode=DECODE, prepare=config, execute=local(workers))
    return [shard.entry for shard in shards if shard.made]


def test_ink_made_binary_makes_every_shard_anew_and_ink_that_is_kept_makes_none(
    make_tree: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_tree(classes=3, images=9)
    images = split_rows(source)
    otsu = SaturateConfig(method="otsu", threshold=0, window_px=25, ink="light", output="keep_ink")
    keep, binary = (
        CONFIG.model_copy(update={"saturate": otsu.model_copy(update={"output": output})}) for output in ("keep_ink", "binary")
    )
    kept = prepare(images, tmp_path / "prepared", source, keep)
    assert not {"output", "window_px", "equalise"} & set(re.findall(r"\w+", _settings(keep)))  # shards from before stay good
    made = prepare(images, tmp_path / "prepared", source, binary)
    assert len(made) == len(kept)
    assert {entry.file for entry in made}.isdisjoint(entry.file for entry in kept)
    index = read_index(tmp_path / "prepared", stage="prepare")
    assert index.prepare == binary
    with ShardReader(tmp_path / "prepared", made[0], index.layout, stage="prepare") as shard:
        assert set(np.unique(shard.images())) == {0, 255}


def test_shards_hold_each_image_once_with_its_label(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=3, images=9)
    images = split_rows(source)
    prepare(images, tmp_path / "prepared", source, CONFIG.model_copy(update={"image_size": (12, 12)}))
    index = read_index(tmp_path / "prepared", stage="prepare")
    assert index.shape == (12, 12, 1)
    assert len(index.of_split("train")) > 1
    seen = {}
    for entry in index.shards:
        with ShardReader(tmp_path / "prepared", entry, index.layout, stage="prepare") as shard:
            for image, label, image_id in zip(shard.images(), shard.labels(), shard.ids(), strict=True):
                seen[image_id] = (entry.split, index.class_names[label])
                number = int(image_id[-6:-4])
                assert np.array_equal(image, striped(label, 1000 * label + number))
    assert seen == {row["id"]: (row["split"], row["label"]) for row in images.iter_rows(named=True)}


@pytest.mark.processes
def test_the_bytes_are_the_same_for_any_number_of_workers_and_any_order(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=3, images=9)
    images = split_rows(source)
    prepare(images, tmp_path / "one", source, workers=1)
    for workers in (2, 4):
        prepare(images.sample(fraction=1.0, shuffle=True, seed=workers), tmp_path / f"{workers}", source, workers=workers)
    contents = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "2", "4")]
    assert len(contents[0]) > 4
    assert contents[0] == contents[1] == contents[2]


def test_neighbours_in_a_shard_are_of_several_classes(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=3, images=30)
    prepare(split_rows(source), tmp_path / "prepared", source, CONFIG.model_copy(update={"images_per_shard": 100}))
    index = read_index(tmp_path / "prepared", stage="prepare")
    (entry,) = index.of_split("train")
    with ShardReader(tmp_path / "prepared", entry, index.layout, stage="prepare") as shard:
        labels = shard.labels()
    assert (np.diff(labels) != 0).mean() > 0.4


def test_shards_of_an_earlier_run_are_removed(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=9)
    images = split_rows(source)
    prepare(images, tmp_path / "prepared", source)
    prepare(images, tmp_path / "prepared", source, CONFIG.model_copy(update={"images_per_shard": 100}))
    shards = [entry.file for entry in read_index(tmp_path / "prepared", stage="prepare").shards]
    assert [name.split("-")[0] for name in shards] == ["train", "validation", "test"]
    assert sorted(path.name for path in (tmp_path / "prepared").iterdir()) == sorted(["index.json", *shards])


def test_one_image_more_or_less_or_another_rewrites_one_shard(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source, prepared = make_tree(classes=3, images=20), tmp_path / "prepared"
    images = split_rows(source)
    number_of_shards = len(prepare(images, prepared, source))
    assert number_of_shards > 12
    assert prepare(images, prepared, source) == []
    without = images.filter(pl.col("id") != "class1/07.png")
    (fewer,) = prepare(without, prepared, source)
    (again,) = prepare(images, prepared, source)
    assert (again.split, again.bucket, again.num_images) == (fewer.split, fewer.bucket, fewer.num_images + 1)
    write_png(source / "class1/07.png", random_image(5))
    (other,) = prepare(split_rows(source), prepared, source)
    assert (other.split, other.bucket) == (again.split, again.bucket)
    assert other.sha256 != again.sha256


def test_other_settings_labels_or_pixels_of_the_same_code_rewrite_every_shard(
    make_tree: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, prepared = make_tree(classes=2, images=9), tmp_path / "prepared"
    images = split_rows(source)
    everything = len(prepare(images, prepared, source))
    assert len(prepare(images, prepared, source, CONFIG.model_copy(update={"invert": True}))) == everything
    assert len(prepare(images, prepared, source)) == everything
    renamed = images.with_columns(pl.col("label").replace("class0", "class9"))
    assert len(prepare(renamed, prepared, source)) == everything
    assert len(prepare(images, prepared, source)) == everything
    monkeypatch.setattr("dataprep.prepare.packing.PIXELS_VERSION", -1)
    assert len(prepare(images, prepared, source)) == everything


def test_what_cannot_be_packed_leaves_the_old_data_set_as_it_was(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source, prepared = make_tree(classes=2, images=9), tmp_path / "prepared"
    images = split_rows(source)
    prepare(images, prepared, source)
    old = {path.name: path.read_bytes() for path in prepared.iterdir()}
    write_png(source / "class1/05.png", random_image(77))
    with pytest.raises(SourceError, match="its bytes changed"):
        prepare(images, prepared, source, CONFIG.model_copy(update={"invert": True}))
    assert old.items() <= {path.name: path.read_bytes() for path in prepared.iterdir()}.items()
    check_shards(prepared, read_index(prepared, stage="prepare").shards, stage="prepare")


def test_a_source_that_went_away_is_one_line(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=9)
    images = split_rows(source)
    source.rename(tmp_path / "elsewhere")
    with pytest.raises(
        SourceError, match=r"params.yaml: ingest.source '.*raw' must be a folder that can be read; No such file"
    ):
        prepare(images, tmp_path / "prepared", source)


def test_a_file_that_changed_since_ingest_is_named_and_nothing_of_it_is_packed(
    make_tree: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_tree(classes=2, images=9)
    images = split_rows(source)
    write_png(source / "class1/05.png", random_image(77))
    with pytest.raises(SourceError, match=r"class1/05.png: its bytes changed since ingest read them\. Run: dvc repro"):
        prepare(images, tmp_path / "prepared", source)
    assert not (tmp_path / "prepared/index.json").exists()
    (source / "class1/05.png").unlink()
    with pytest.raises(SourceError, match=r"class1/05.png: cannot be read any more"):
        prepare(images, tmp_path / "prepared", source)


def test_large_files_make_more_shards(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=16)
    large = split_rows(source).with_columns(bytes=pl.lit(2**20, dtype=pl.Int64))  # as the manifest would say of large files
    few = CONFIG.model_copy(update={"images_per_shard": 1000})
    assert len(prepare(large, tmp_path / "few", source, few)) == 3
    entries = prepare(large, tmp_path / "more", source, few.model_copy(update={"mib_per_shard": 5}))
    assert len([entry for entry in entries if entry.split == "train"]) == 4


def test_an_id_of_another_path_is_refused_whatever_the_digest(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=9)
    images = split_rows(source)
    twin = images.with_columns(path=pl.when(pl.col("id") == "class1/05.png").then(pl.lit(b"class1/06.png")).otherwise("path"))
    message = (
        r"the manifest: b'class1/06\.png' must have the id 'class1/06\.png'; it has 'class1/05\.png'\. Run: dvc repro ingest"
    )
    with pytest.raises(ArtifactError, match=message):
        prepare(twin, tmp_path / "prepared", source)
    assert not (tmp_path / "prepared/index.json").exists()
