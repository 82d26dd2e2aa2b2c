import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dataprep.config.statistics import StatisticsConfig
from dataprep.core.errors import ArtifactError
from dataprep.decode.value_range import with_levels
from dataprep.store.shards import ShardIndex, ShardKey, read_index, write_index, write_shard
from dataprep.store.statistics import MIN_STD, measure_train, read_statistics, write_statistics
from pipelines.parameters.params import read_params
from tests.closure import SHIPPED
from tests.dataprep.store.test_shards import CLASSES, content_of, write

PARAMS = read_params(SHIPPED)


def write_train(folder: Path, images: np.ndarray, cuts: list[int]) -> None:
    """Writes train images in shards cut at the given rows, and a test shard of white images that must not count."""
    bounds = [0, *sorted({cut for cut in cuts if 0 < cut < len(images)}), len(images)]
    entries = [write(folder, images[start:stop], bucket=start, first=start) for start, stop in pairwise(bounds)]
    entries.append(write(folder, np.full_like(images, 255), split="test"))
    index = ShardIndex(
        shape=images.shape[1:],
        class_names=CLASSES,
        decode=with_levels(PARAMS.ingest.decode, {}),
        prepare=PARAMS.prepare,
        shards=entries,
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


def write_assigned(folder: Path, images: np.ndarray, shard_of: list[int]) -> None:
    """Writes train images in the shards that they are assigned to, in any order and number."""
    whole = content_of(images)
    entries = []
    for number in sorted(set(shard_of), reverse=True):
        rows = np.flatnonzero(np.array(shard_of) == number)
        content = replace(
            whole,
            images=images[rows],
            labels=whole.labels[rows],
            ids=[whole.ids[row] for row in rows],
            extra={},
        )
        entries.append(write_shard(folder, ShardKey("train", number, "f" * 32), content))
    index = ShardIndex(
        shape=images.shape[1:],
        class_names=CLASSES,
        decode=with_levels(PARAMS.ingest.decode, {}),
        prepare=PARAMS.prepare,
        shards=entries,
    )
    write_index(folder, index)


@st.composite
def assigned_twice(draw: st.DrawFn) -> tuple[np.ndarray, list[int], list[int]]:
    images = draw(arrays(np.uint8, st.tuples(st.integers(1, 30), st.just(2), st.just(3), st.sampled_from([1, 3]))))
    shard_of = st.lists(st.integers(0, 6), min_size=len(images), max_size=len(images))
    return images, draw(shard_of), draw(shard_of)


@given(assigned_twice())
def test_however_images_are_assigned_to_shards_the_statistics_are_exact(
    tmp_path_factory: pytest.TempPathFactory, assigned: tuple[np.ndarray, list[int], list[int]]
) -> None:
    images, *assignments = assigned
    folders = [tmp_path_factory.mktemp("prepared") for _ in assignments]
    for folder, shard_of in zip(folders, assignments, strict=True):
        write_assigned(folder, images, shard_of)
    for per, axes in (("channel", (0, 1, 2)), ("pixel", (0,))):
        config = StatisticsConfig.model_validate({"per": per})
        first, second = (measure_train(folder, config) for folder in folders)
        assert first == second
        mean, std = np.array(first.mean), np.array(first.std)
        assert np.allclose(mean.ravel(), images.mean(axis=axes, dtype=np.float64).ravel(), rtol=1e-12, atol=0)
        assert np.allclose(std.ravel(), images.std(axis=axes, dtype=np.float64).ravel(), rtol=1e-12, atol=1e-12)
        whole = images.astype(object)  # Python's integers
        total, squares = whole.sum(axis=axes).ravel(), (whole * whole).sum(axis=axes).ravel()
        count = images.size // len(total)
        assert mean.ravel().tolist() == [value / count for value in total]
        variances = [(count * square - value * value) / count**2 for value, square in zip(total, squares, strict=True)]
        assert std.ravel().tolist() == [math.sqrt(variance) for variance in variances]
    expected = np.bincount(np.arange(len(images)) % 3, minlength=3)
    assert first.class_counts == dict(zip(CLASSES, expected.tolist(), strict=True))


def test_sharding_changes_no_byte(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 3), dtype=np.uint8)
    for name, cuts in (("one", []), ("two", [7, 30])):
        write_train(tmp_path / name, images, cuts)
        write_statistics(tmp_path / f"{name}.json", measure_train(tmp_path / name, StatisticsConfig(per="pixel")))
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert read_statistics(tmp_path / "one.json", read_index(tmp_path / "one", stage="prepare")).num_images == 50


def doctored(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": [[[float("nan")] * 3]]}, r"mean\.0\.0\.0: .*finite"),
        ({"std": [[[1.0, float("inf"), 1.0]]]}, r"std\.0\.0\.1: .*finite"),
        ({"std": [[[-1.0, 1.0, 1.0]]]}, r"std\.0\.0\.0: .*greater than or equal to 0"),
        ({"mean": [[[1e300, 1.0, 1.0]]]}, r"mean\.0\.0\.0: .*less than or equal to 255"),
        ({"mean": [[[1.0, 1.0]], [[1.0]]]}, r"\(mean must be nested lists of the shape \(H, W, C\)\)"),
        ({"mean": []}, r"mean must be nested lists"),
        ({"mean": [[[1.0, 1.0]]]}, r"must be of the 50 prepared train images, .* of the shape \(1, 1, 2\)"),
        ({"per": "pixel"}, r"per pixel of the shape \(4, 4, 3\); it is of 50 others, of the shape \(1, 1, 3\)"),
        ({"num_images": 0}, "num_images"),
        ({"num_images": 49}, "class_counts must sum to num_images, 49; got 50"),
        ({"num_images": 49, "class_counts": {"a": 16, "b": 16, "ü": 17}}, "it is of 49 others"),
        ({"class_counts": {"a": -1, "b": 34, "ü": 17}}, r"class_counts\.a"),
        ({"class_counts": {"a": 17, "b": 17, "c": 16}}, "must be of the 50 prepared train images, 3 classes"),
        ({"source": "test"}, "source"),
    ],
)
def test_statistics_that_cannot_be_or_are_of_other_images_are_one_line(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    write_train(tmp_path, np.random.default_rng(0).integers(0, 256, (50, 4, 4, 3), dtype=np.uint8), [])
    path = tmp_path / "statistics.json"
    write_statistics(path, measure_train(tmp_path, StatisticsConfig(per="channel")))
    doctored(path, **changes)
    with pytest.raises(ArtifactError, match=message) as refused:
        read_statistics(path, read_index(tmp_path, stage="prepare"))
    assert str(refused.value).endswith("Run: dvc repro statistics")
    assert "\n" not in str(refused.value)


def test_a_pixel_that_never_varies_is_not_divided_by_zero(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 2, 2, 1), dtype=np.uint8)
    images[:, 0, 0] = 17
    write_train(tmp_path, images, [])
    mean, divisor = measure_train(tmp_path, StatisticsConfig(per="pixel")).scaling()
    assert mean[0, 0, 0] == 17
    assert divisor[0, 0, 0] == MIN_STD
    assert divisor.min() >= MIN_STD
    assert divisor[1, 1, 0] > 10
