"""Brings every image to one shape and stores it: gray or RGB, resized, saturated where asked, in shards of uint8."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import polars as pl

from dataprep.config import (
    SPLITS,
    DecodeConfig,
    ExecuteConfig,
    PrepareConfig,
    ResizeConfig,
    SaturateConfig,
    SplitName,
)
from dataprep.errors import SourceError
from dataprep.execute import run_tasks
from dataprep.image import Pixels, Undecodable, decode, digest_bytes, to_gray, to_rgb
from dataprep.manifest import class_names
from dataprep.rng import stable_hash
from dataprep.shards import (
    ShardContent,
    ShardEntry,
    ShardIndex,
    bucket_of,
    fill_folder,
    fingerprint,
    num_buckets,
    shard_name,
    write_shard,
)
from dataprep.source import read_file

_INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}


class ShardRow(NamedTuple):
    """One image of a shard, and what its file was when ingest read it."""

    id: str
    path: bytes
    label: int
    file_digest: str
    num_bytes: int


@dataclass(frozen=True, slots=True)
class ShardTask:
    """What a worker needs to build one shard: paths, not pixels."""

    source: Path
    output: Path
    split: SplitName
    rows: list[ShardRow]
    class_names: list[str]
    decode: DecodeConfig
    prepare: PrepareConfig

    def __str__(self) -> str:
        return self.output.name


def shape_of(config: PrepareConfig) -> tuple[int, int, int]:
    """The shape (H, W, C) of every prepared image."""
    height, width = config.image_size
    return height, width, 1 if config.color == "gray" else 3


def prepare_image(image: Pixels, config: PrepareConfig) -> Pixels:
    """Converts one upright image (h, w, 1 or 3) uint8 to the shape and gray levels that are stored, (H, W, C) uint8."""
    colored = to_gray(image) if config.color == "gray" else to_rgb(image)
    return saturate(resize(colored, config.image_size, config.resize), config.saturate)


def resize(image: Pixels, image_size: tuple[int, int], config: ResizeConfig) -> Pixels:
    """Brings (h, w, C) to (H, W, C): stretched, or in proportion and padded, or in proportion and cropped at the centre."""
    height, width, _ = image.shape
    target_height, target_width = image_size
    if config.mode == "stretch":
        return _scale(image, image_size, config)
    if config.mode == "crop":
        # Cropped before it is scaled: what is thrown away costs nothing, however long an image is.
        scale = max(target_height / height, target_width / width)
        kept_height, kept_width = (
            min(max(round(side / scale), 1), own) for side, own in ((target_height, height), (target_width, width))
        )
        top, left = (height - kept_height) // 2, (width - kept_width) // 2
        return _scale(image[top : top + kept_height, left : left + kept_width], image_size, config)
    scale = min(target_height / height, target_width / width)
    scaled = _scale(image, (max(round(height * scale), 1), max(round(width * scale), 1)), config)
    missing_rows, missing_columns = target_height - scaled.shape[0], target_width - scaled.shape[1]
    margins = (
        (missing_rows // 2, missing_rows - missing_rows // 2),
        (missing_columns // 2, missing_columns - missing_columns // 2),
        (0, 0),
    )
    return np.pad(scaled, margins, constant_values=config.pad_value)


def saturate(image: Pixels, config: SaturateConfig) -> Pixels:
    """Makes every value below the threshold 0 and every other 255; Otsu's method finds the threshold per image.

    Source: N. Otsu, A threshold selection method from gray-level histograms, 1979.
    """
    if config.method == "none":
        return image
    threshold = config.threshold
    if config.method == "otsu":
        from skimage.filters import threshold_otsu  # half a second that only this method needs

        # scikit-image's threshold is the last dark level; one level has no threshold and stays what it is nearest to.
        threshold = 128 if image.min() == image.max() else int(threshold_otsu(image)) + 1
    return np.where(image < threshold, np.uint8(0), np.uint8(255))


def prepare_images(
    images: pl.DataFrame,
    output: Path,
    *,
    source: Path,
    decode: DecodeConfig,
    prepare: PrepareConfig,
    execute: ExecuteConfig,
) -> Iterator[ShardEntry]:
    """Writes the shards of all splits, then the index; yields each shard's entry when it stands.

    Args:
        images: usable rows of the manifest joined with their split.
        output: the folder of the shards.
        source: the raw folder.
        decode: how files become pixels; what ingest used.
        prepare: what is done to the pixels.
        execute: where to run.

    Raises:
        SourceError: a file is no longer what ingest saw.
    """
    names = class_names(images)
    # Absolute, since a worker of a cluster may have been started in another folder.
    tasks = _plan(images, output.absolute(), source.absolute(), names, decode, prepare)
    index = ShardIndex(shape=shape_of(prepare), class_names=names, decode=decode, prepare=prepare, shards=[])
    yield from fill_folder(output, run_tasks(build_shard, tasks, execute), index)


def build_shard(task: ShardTask) -> ShardEntry:
    """Reads, prepares and writes the images of one shard."""
    images = np.empty((len(task.rows), *shape_of(task.prepare)), dtype=np.uint8)
    for number, row in enumerate(task.rows):
        images[number] = prepare_image(_read_image(row, task), task.prepare)
    content = ShardContent(
        images=images,
        labels=np.array([row.label for row in task.rows], dtype=np.int64),
        ids=[row.id for row in task.rows],
        class_names=task.class_names,
        fingerprint=fingerprint(task.rows, task.class_names, task.decode.model_dump_json(), task.prepare.model_dump_json()),
        extra={},
    )
    return write_shard(task.output, content, task.split)


def _plan(
    images: pl.DataFrame, output: Path, source: Path, names: list[str], decode: DecodeConfig, prepare: PrepareConfig
) -> list[ShardTask]:
    number_of = {name: number for number, name in enumerate(names)}
    tasks = []
    for split in SPLITS:
        own = images.filter(pl.col("split") == split)
        buckets = num_buckets(own.height, prepare.images_per_shard)
        rows: list[list[ShardRow]] = [[] for _ in range(buckets)]
        for image_id, path, label, digest, num_bytes in own.select("id", "path", "label", "file_digest", "bytes").iter_rows():
            rows[bucket_of(image_id, buckets)].append(ShardRow(image_id, path, number_of[label], digest, num_bytes))
        tasks += [
            # In the order of a hash, not of the names: a block of rows is a mixture of classes.
            ShardTask(source, output / shard_name(split, bucket), split, sorted(chunk, key=_by_hash), names, decode, prepare)
            for bucket, chunk in enumerate(rows)
            if chunk
        ]
    return tasks


def _by_hash(row: ShardRow) -> tuple[int, str]:
    return stable_hash("row", row.id), row.id


def _read_image(row: ShardRow, task: ShardTask) -> Pixels:
    try:
        content = read_file(task.source, row.path, row.num_bytes)
        if digest_bytes(content) == row.file_digest:
            return decode(content, task.decode).pixels
    except (OSError, Undecodable) as error:
        raise SourceError(
            f"{row.id}: cannot be read any more, though ingest could ({error}). Run: dvc repro, which lists it anew"
        ) from error
    raise SourceError(f"{row.id}: its bytes changed since ingest read them. Run: dvc repro, which reads it anew")


def _scale(image: Pixels, size: tuple[int, int], config: ResizeConfig) -> Pixels:
    """Resamples to (rows, columns); where both sides shrink to half or less, by area, which does not alias."""
    height, width, _ = image.shape
    if size == (height, width):
        return image
    interpolation = _INTERPOLATIONS[config.interpolation]
    if config.interpolation != "nearest" and 2 * size[0] <= height and 2 * size[1] <= width:
        interpolation = cv2.INTER_AREA
    scaled = cv2.resize(image, (size[1], size[0]), interpolation=interpolation)  # cv2 wants (columns, rows)
    return scaled.reshape(*size, -1).astype(np.uint8, copy=False)
