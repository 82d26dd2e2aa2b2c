"""Exact mean and standard deviation of the train images: integer sums per shard, added up, divided once."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from dataprep.config.statistics import StatisticsConfig
from dataprep.core.artifacts import Count, Document, Place, read_document, write_document
from dataprep.core.errors import ArtifactError
from dataprep.store.shards import ShardIndex, ShardReader, read_index

MIN_STD = 1.0
"""Gray levels. A pixel that never varies in the train images has a deviation of 0, and one that varies once nearly 0."""

Level: TypeAlias = Annotated[float, Field(ge=0, le=255)]
"""A gray level, or a spread of gray levels."""


class Statistics(Document):
    """Mean and standard deviation in gray levels, nested lists of the shape (H, W, C) or (1, 1, C)."""

    format_version: Literal[1] = 1
    source: Literal["train"] = "train"
    per: Literal["channel", "pixel"]
    num_images: Annotated[int, Field(gt=0)]
    mean: list[list[list[Level]]]
    std: list[list[list[Level]]]
    class_counts: dict[str, Count]

    @model_validator(mode="after")
    def _all_of_one_set(self) -> Self:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if not _is_block(values):
                raise ValueError(f"{name} must be nested lists of the shape (H, W, C)")
        if sum(self.class_counts.values()) != self.num_images:
            raise ValueError(f"class_counts must sum to num_images, {self.num_images}; got {sum(self.class_counts.values())}")
        return self

    def scaling(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and divisor for (x - mean) / divisor, float32 of shape (H, W, C) or (1, 1, C); the divisor is >= MIN_STD."""
        mean, std = np.array(self.mean), np.array(self.std)
        return mean.astype(np.float32), np.maximum(std, MIN_STD).astype(np.float32)


def read_statistics(path: Path, index: ShardIndex) -> Statistics:
    """Reads statistics.json.

    Args:
        path: the file.
        index: of the prepared shards.

    Raises:
        ArtifactError: the file is missing or damaged, or it is of other shards.
    """
    statistics = read_document(path, Statistics, stage="statistics")
    shape = index.shape if statistics.per == "pixel" else (1, 1, index.shape[2])
    num_images = sum(entry.num_images for entry in index.of_split("train"))
    found = (np.shape(statistics.mean), np.shape(statistics.std), list(statistics.class_counts), statistics.num_images)
    if found != (shape, shape, index.class_names, num_images):
        raise ArtifactError(
            f"{path} must be of the {num_images:,} prepared train images, {len(index.class_names):,} classes, per "
            f"{statistics.per} of the shape {shape}; it is of {statistics.num_images:,} others, of the shape {found[0]}. "
            "Run: dvc repro statistics"
        )
    return statistics


def _is_block(values: list[list[list[float]]]) -> bool:
    """Whether nested lists have the same length within each level, and none is empty."""
    widths, depths = {len(row) for row in values}, {len(cell) for row in values for cell in row}
    return len(widths) == len(depths) == 1 and 0 not in widths | depths


def write_statistics(path: Path, statistics: Statistics) -> None:
    """Writes statistics.json."""
    write_document(path, statistics)


def measure_train(prepared: Place, config: StatisticsConfig) -> Statistics:
    """Measures the train shards of a prepared folder; no other split is opened.

    Args:
        prepared: the folder of the shards.
        config: per channel or per pixel.
    """
    index = read_index(prepared, stage="prepare")
    sums = np.zeros(index.shape, dtype=object)  # Python integers: exact at any number of images
    square_sums = np.zeros(index.shape, dtype=object)
    counts: Counter[int] = Counter()
    for entry in index.of_split("train"):
        with ShardReader(prepared, entry, index.layout, stage="prepare") as shard:
            pixel_sum, pixel_square_sum = shard.sums()
            sums += pixel_sum
            square_sums += pixel_square_sum
            counts.update(shard.labels().tolist())
    num_images = counts.total()
    num_values = num_images
    if config.per == "channel":
        num_values *= index.shape[0] * index.shape[1]
        sums, square_sums = sums.sum(axis=(0, 1), keepdims=True), square_sums.sum(axis=(0, 1), keepdims=True)
    mean, std = mean_and_std(sums, square_sums, num_values)
    return Statistics(
        per=config.per,
        num_images=num_images,
        mean=mean.tolist(),
        std=std.tolist(),
        class_counts={name: counts[label] for label, name in enumerate(index.class_names)},
    )


def mean_and_std(
    sums: NDArray[np.object_], square_sums: NDArray[np.object_], num_values: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and population standard deviation from exact sums; only the divisions round.

    The variance is (n * sum(x^2) - sum(x)^2) / n^2 in whole numbers, so that no digits are lost by subtraction.
    """
    mean = (sums / num_values).astype(np.float64)
    variance = ((num_values * square_sums - sums * sums) / num_values**2).astype(np.float64)
    return mean, np.sqrt(variance)
