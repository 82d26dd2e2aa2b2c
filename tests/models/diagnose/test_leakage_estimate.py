"""The probe: what a random split gains where a writer is a strong clue, and nothing where he is none."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.writers import write_writers
from dataprep.config.base import SPLITS
from dataprep.config.split import SplitConfig
from dataprep.decode.image import Pixels
from dataprep.decode.value_range import with_levels
from dataprep.draw.handwriting import draw_digit
from dataprep.split.split_methods import split_images
from dataprep.store.shards import ShardContent, ShardIndex, ShardKey, write_index, write_shard
from dataprep.store.split_report import SplitMetrics, measure_split
from dataprep.store.split_table import EXCLUDED
from models.diagnose import leakage_estimate, tiny_images
from models.diagnose.leakage_estimate import LeakageEstimate, ProbeScore, estimate_leakage
from models.diagnose.tiny_images import shrink
from pipelines.parameters.params import Params
from tests.conftest import random_image
from tests.dataprep.split.test_split_methods import config_with

WRITERS, DIGITS, SAMPLES = 20, 5, 4
WRITTEN = [(writer, digit, sample) for writer in range(WRITERS) for digit in range(DIGITS) for sample in range(SAMPLES)]


def manifest_of(group: pl.Expr) -> pl.DataFrame:
    rows = [(f"w{writer:02d}/{digit}/{sample}.png", f"w{writer}", str(digit)) for writer, digit, sample in WRITTEN]
    nothing = pl.lit(None, dtype=pl.String)
    return pl.DataFrame(rows, schema=["id", "writer", "label"], orient="row").with_columns(
        group=group, digest="id", near_duplicate=nothing, origin=nothing, given_split=nothing
    )


def write_prepared(folder: Path, images: Pixels, split: pl.DataFrame, params: Params, files_per_split: int) -> Path:
    """Writes shards of the images, whose order is that of the table."""
    entries = []
    for name in SPLITS:
        rows = np.flatnonzero((split["split"] == name).to_numpy())
        for number, part in enumerate(rows[first::files_per_split] for first in range(files_per_split)):
            content = ShardContent(
                images=images[part],
                labels=np.array([WRITTEN[row][1] for row in part]),
                ids=split["id"][part].to_list(),
                class_names=[str(digit) for digit in range(DIGITS)],
                extra={},
            )
            entries.append(write_shard(folder, ShardKey(name, number, "f" * 32), content))
    index = ShardIndex(
        shape=(28, 28, 1),
        class_names=[str(digit) for digit in range(DIGITS)],
        decode=with_levels(params.ingest.decode, {}),
        prepare=params.prepare.pixels,
        shards=entries,
    )
    write_index(folder, index)
    return folder


def measured(images: pl.DataFrame, config: SplitConfig) -> tuple[pl.DataFrame, SplitMetrics]:
    split = split_images(images, config)
    return split, measure_split(images, split, config)


@pytest.fixture(scope="module")
def digits() -> Pixels:
    return np.stack([draw_digit(*written) for written in WRITTEN])


def test_a_random_split_of_writers_overestimates_the_accuracy(tmp_path: Path, params: Params, digits: Pixels) -> None:
    split, data = measured(manifest_of(pl.col("writer")), config_with())
    assert data.shared.total.total == 0
    prepared = write_prepared(tmp_path, digits, split, params, files_per_split=1)
    found = estimate_leakage(prepared, split, data, seed=0)
    assert found is not None
    assert (found.train_images, found.held_out_images) == (240, 80)
    assert found.random.accuracy > 0.97
    assert found.made.accuracy < 0.9
    # Validation has 4 writers, who are too few to be sure of anything.
    assert found.sentence.startswith(
        f"A random split would hardly have overestimated the accuracy: {found.random.accuracy:.2f} instead of 0."
    )
    assert found.sentence.endswith("which may be chance (nearest-neighbour probe; the split keeps 20 groups apart)")
    assert found.made.accuracy_interval[1] - found.made.accuracy_interval[0] > 0.4  # of 80 independent images: 0.16


def test_a_random_split_of_many_groups_overestimates_it_for_sure(tmp_path: Path, params: Params) -> None:
    patterns = np.stack([random_image(10 * writer + digit, (28, 28, 1)) for writer, digit, _ in WRITTEN])  # one a group
    split, data = measured(manifest_of(pl.concat_str("writer", pl.lit("-"), "label")), config_with())
    found = estimate_leakage(write_prepared(tmp_path, patterns, split, params, 1), split, data, seed=0)
    assert found is not None
    assert found.sentence.startswith("A random split would have overestimated the accuracy: 1.00 instead of 0.")
    assert found.sentence.endswith("(nearest-neighbour probe; the split keeps 100 groups apart)")


def test_groups_that_are_no_clue_make_no_difference(tmp_path: Path, params: Params, digits: Pixels) -> None:
    mixed = (pl.int_range(pl.len()).shuffle(seed=0) % WRITERS).cast(pl.String)
    split, data = measured(manifest_of(mixed), config_with())
    found = estimate_leakage(write_prepared(tmp_path, digits, split, params, 1), split, data, seed=0)
    assert found is not None
    assert found.made.accuracy == pytest.approx(found.random.accuracy, abs=0.05)


def test_the_sentence_says_no_more_than_the_figures() -> None:
    def sentence(random: float, made: float) -> str:
        made_score, random_score = (
            ProbeScore(accuracy=value, accuracy_interval=(value - 0.04, value + 0.04)) for value in (made, random)
        )
        found = LeakageEstimate(train_images=9, held_out_images=9, made=made_score, random=random_score, kept_apart="9 groups")
        return found.sentence.split(" (")[0]

    assert sentence(0.95, 0.78) == "A random split would have overestimated the accuracy: 0.95 instead of 0.78"
    assert (
        sentence(0.80, 0.78)
        == "A random split would hardly have overestimated the accuracy: 0.80 instead of 0.78, which may be chance"
    )
    assert sentence(0.78, 0.78) == "A random split would have made no difference: 0.78 instead of 0.78"
    assert sentence(0.60, 0.78) == "A random split would not have overestimated the accuracy: 0.60 instead of 0.78"


def test_without_groups_and_near_duplicates_nothing_is_probed(tmp_path: Path, params: Params) -> None:
    split, data = measured(manifest_of(pl.lit(None, dtype=pl.String)), config_with())
    assert estimate_leakage(tmp_path, split, data, seed=0) is None


def test_the_probe_never_opens_the_test_images(tmp_path: Path, params: Params, digits: Pixels) -> None:
    split, data = measured(manifest_of(pl.col("writer")), config_with())
    prepared = write_prepared(tmp_path, digits, split, params, 1)
    shard = next(prepared.glob("test-*.h5"))
    shard.write_bytes(bytes(shard.stat().st_size))
    assert estimate_leakage(prepared, split, data, seed=0) is not None


def test_the_probe_is_the_same_for_any_shards_and_any_size_of_blocks(
    tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.stack([random_image(number, (28, 28, 1)) for number in range(len(WRITTEN))])  # any other draw scores otherwise
    split, data = measured(manifest_of(pl.col("writer")), config_with())
    found = estimate_leakage(write_prepared(tmp_path / "one", noise, split, params, 1), split, data, seed=0)
    monkeypatch.setattr(tiny_images, "READ_ROWS", 7)
    assert estimate_leakage(write_prepared(tmp_path / "four", noise, split, params, 4), split, data, seed=0) == found


def test_a_large_set_is_drawn_by_whole_clusters(
    tmp_path: Path, params: Params, digits: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leakage_estimate, "MOST_TRAIN", 60)
    monkeypatch.setattr(leakage_estimate, "MOST_HELD_OUT", 40)
    split, data = measured(manifest_of(pl.col("writer")), config_with())
    prepared = write_prepared(tmp_path, digits, split, params, 1)
    draws = [found for seed in range(4) if (found := estimate_leakage(prepared, split, data, seed=seed)) is not None]
    assert {(found.train_images, found.held_out_images) for found in draws} == {(60, 40)}
    assert all(found.random.accuracy > found.made.accuracy + 0.1 for found in draws)  # single images would share no writer
    assert len({found.made.accuracy for found in draws}) > 1


def test_near_duplicates_alone_are_probed_and_named(tmp_path: Path, params: Params, digits: Pixels) -> None:
    images = manifest_of(pl.lit(None, dtype=pl.String)).with_columns(near_duplicate=pl.col("id").str.slice(0, 5))
    split, data = measured(images, config_with())
    assert EXCLUDED not in split["split"]
    found = estimate_leakage(write_prepared(tmp_path, digits, split, params, 1), split, data, seed=0)
    assert found is not None
    assert found.kept_apart == "100 clusters of near duplicates"


def test_a_picture_becomes_its_small_gray_deviations() -> None:
    images = np.stack([random_image(seed, (40, 33, 3)) for seed in range(5)])
    small = shrink(images)
    assert small.shape == (5, 16 * 16)
    assert small.mean(axis=1) == pytest.approx(np.zeros(5), abs=1e-6)
    assert np.linalg.norm(small, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert shrink(images // 2 + 10) @ small.T == pytest.approx(small @ small.T, abs=0.02)  # brightness is no clue
    halved = shrink(images[:, :32, :32])
    blocks = images[:, :32, :32].mean(axis=3).reshape(5, 16, 2, 16, 2).mean(axis=(2, 4)).reshape(5, -1)
    blocks -= blocks.mean(axis=1, keepdims=True)
    assert halved == pytest.approx(blocks / np.linalg.norm(blocks, axis=1, keepdims=True), abs=1e-5)
    assert shrink(np.full((1, 9, 9, 1), 7, dtype=np.uint8)).tolist() == [[0.0] * 81]


def test_the_writers_are_the_same_bytes_twice(tmp_path: Path) -> None:
    first, second = (write_writers(tmp_path / name, writers=2, digits=3, samples=2) for name in ("one", "two"))
    files = sorted(path.relative_to(first) for path in first.rglob("*.png"))
    assert [str(path) for path in files[:2]] == ["w00/0/0.png", "w00/0/1.png"]
    assert len(files) == 12
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in files)
