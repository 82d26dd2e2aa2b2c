from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dataprep.config import StatisticsConfig
from dataprep.shards import ShardIndex, write_index
from dataprep.statistics import MIN_STD, measure_train, read_statistics, write_statistics
from pipelines.params import read_params
from tests.closure import ROOT
from tests.dataprep.test_shards import write

PARAMS = read_params(ROOT / "params.yaml")


def write_train(folder: Path, images: np.ndarray, cuts: list[int]) -> None:
    """Writes train images in shards cut at the given rows, and a test shard of white images that must not count."""
    bounds = [0, *sorted({cut for cut in cuts if 0 < cut < len(images)}), len(images)]
    entries = [write(folder, images[start:stop], bucket=start, first=start) for start, stop in pairwise(bounds)]
    entries.append(write(folder, np.full_like(images, 255), split="test"))
    index = ShardIndex(
        shape=images.shape[1:], class_names=["a", "b", "c"], decode=PARAMS.ingest.decode, prepare=PARAMS.prepare, shards=entries
    )
    write_index(folder, index)


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 40), st.just(3), st.just(2), st.sampled_from([1, 3]))),
    st.lists(st.integers(1, 39)),
)
def test_statistics_equal_numpy_on_the_whole_for_any_sharding(
    tmp_path_factory: pytest.TempPathFactory, images: np.ndarray, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("prepared")
    write_train(folder, images, cuts)
    for per, axes in (("channel", (0, 1, 2)), ("pixel", (0,))):
        measured = measure_train(folder, StatisticsConfig.model_validate({"per": per}))
        assert np.allclose(np.array(measured.mean).ravel(), images.mean(axis=axes, dtype=np.float64).ravel(), rtol=1e-12)
        assert np.allclose(
            np.array(measured.std).ravel(), images.std(axis=axes, dtype=np.float64).ravel(), rtol=1e-9, atol=1e-9
        )
    assert measured.num_images == len(images)
    assert sum(measured.class_counts.values()) == len(images)


def test_sharding_changes_no_byte(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 3), dtype=np.uint8)
    for name, cuts in (("one", []), ("two", [7, 30])):
        write_train(tmp_path / name, images, cuts)
        write_statistics(tmp_path / f"{name}.json", measure_train(tmp_path / name, StatisticsConfig(per="pixel")))
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert read_statistics(tmp_path / "one.json").num_images == 50


def test_a_pixel_that_never_varies_is_not_divided_by_zero(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 2, 2, 1), dtype=np.uint8)
    images[:, 0, 0] = 17
    write_train(tmp_path, images, [])
    mean, divisor = measure_train(tmp_path, StatisticsConfig(per="pixel")).scaling()
    assert mean[0, 0, 0] == 17
    assert divisor[0, 0, 0] == MIN_STD
    assert divisor.min() >= MIN_STD
    assert divisor[1, 1, 0] > 10
