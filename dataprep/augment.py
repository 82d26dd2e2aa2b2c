"""Variations of train images: rotation, flips, Gaussian noise.

What happens to an image is a pure function of (seed, id, epoch, copy): parameters are sampled for a batch at once from the
hashes of its ids, then applied. The same function makes the online variations and the materialised copies.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dataprep.artifacts import Place
from dataprep.config import AugmentConfig, ExecuteConfig, FlipConfig
from dataprep.execute import run_tasks
from dataprep.image import Pixels
from dataprep.rng import rng_for, stable_hashes, uniforms_for
from dataprep.shards import (
    Filled,
    ShardContent,
    ShardEntry,
    ShardKey,
    ShardReader,
    fill_folder,
    fingerprint,
    read_index,
    write_shard,
)

COPIES_VERSION = 1
"""Part of what copies are made from: to be raised with every change that makes other pixels of the same settings."""

_NOT_OF_COPIES = {"online", "mixup"}


@dataclass(frozen=True, slots=True)
class Variation:
    """Sampled parameters of N images, each field (N,): degrees float64, the others bool; noise_keys uint64."""

    degrees: NDArray[np.float64]
    mirrored: NDArray[np.bool_]
    upended: NDArray[np.bool_]
    noisy: NDArray[np.bool_]
    noise_keys: NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class CopyTask:
    """What a worker needs to write the copies of one prepared shard."""

    key: ShardKey
    prepared: Place
    output: Place
    entry: ShardEntry  # of the prepared shard
    class_names: list[str]
    config: AugmentConfig

    def __str__(self) -> str:
        return self.key.file


def sample_variation(keys: NDArray[np.uint64], config: AugmentConfig, *, epoch: int, copy: int = 0) -> Variation:
    """Draws what will happen to N images.

    Args:
        keys: (N,) hashes of their ids, from `stable_hashes`.
        config: probabilities and ranges.
        epoch: 0 for materialised copies, 1 and up in training.
        copy: 0 for the image itself, 1 and up for its materialised copies.
    """

    def draw(purpose: str) -> NDArray[np.float64]:
        return uniforms_for(keys, config.seed, purpose, epoch, copy)

    def happens(purpose: str, operation: FlipConfig) -> NDArray[np.bool_]:
        return draw(purpose) < operation.probability

    rotated = draw("rotation") < config.rotation.probability
    return Variation(
        degrees=np.where(rotated, (2 * draw("angle") - 1) * config.rotation.degrees, 0.0),
        mirrored=happens("horizontal_flip", config.horizontal_flip),
        upended=happens("vertical_flip", config.vertical_flip),
        noisy=draw("noise") < config.noise.probability,
        noise_keys=keys,
    )


def apply_variation(images: Pixels, variation: Variation, config: AugmentConfig, *, epoch: int, copy: int = 0) -> Pixels:
    """Applies sampled parameters; returns new images (N, H, W, C) uint8, the input is not modified.

    Rotation and flips are one matrix and one bilinear interpolation; uncovered corners get `config.fill`.
    """
    varied = np.empty_like(images)
    for row, image in enumerate(images):
        varied[row] = warp(
            image,
            variation.degrees[row],
            mirrored=variation.mirrored[row],
            upended=variation.upended[row],
            fill=config.fill,
        )
        if variation.noisy[row]:
            rng = rng_for(config.seed, "noise values", int(variation.noise_keys[row]), epoch, copy)
            varied[row] = add_noise(varied[row], config.noise.std, rng)
    return varied


def warp(image: Pixels, degrees: float, *, mirrored: bool, upended: bool, fill: int) -> Pixels:
    """Flips (H, W, C), then turns it counter-clockwise about its centre by an angle."""
    flipped = image[:: -1 if upended else 1, :: -1 if mirrored else 1]
    if degrees == 0:
        return flipped
    height, width, num_channels = image.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    if mirrored or upended:
        matrix = matrix @ _flip_matrix(height, width, mirrored=mirrored, upended=upended)
    turned = cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=[fill] * 4
    )
    return turned.reshape(height, width, num_channels).astype(np.uint8, copy=False)


def add_noise(image: Pixels, std: float, rng: np.random.Generator) -> Pixels:
    """Adds Gaussian noise of the given standard deviation in gray levels, rounded and clipped to 0..255."""
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(std)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def augment_images(images: Pixels, keys: NDArray[np.uint64], config: AugmentConfig, *, epoch: int, copy: int = 0) -> Pixels:
    """Samples and applies in one step; see `sample_variation` and `apply_variation`."""
    return apply_variation(images, sample_variation(keys, config, epoch=epoch, copy=copy), config, epoch=epoch, copy=copy)


def write_copies(prepared: Place, output: Place, config: AugmentConfig, execute: ExecuteConfig) -> Iterator[Filled]:
    """Writes `config.copies` variations of each train image, one shard per prepared train shard, then the index."""
    index = read_index(prepared, stage="prepare")
    settings = json.dumps(config.model_dump(exclude=_NOT_OF_COPIES), sort_keys=True)
    tasks = [
        CopyTask(
            ShardKey("train", entry.bucket, fingerprint(COPIES_VERSION, entry.sha256, settings)),
            prepared.absolute(),  # a worker of a cluster may have been started in another folder
            output.absolute(),
            entry,
            index.class_names,
            config,
        )
        for entry in (index.of_split("train") if config.copies else [])
    ]

    def build(missing: Sequence[CopyTask]) -> Iterator[ShardEntry]:
        yield from run_tasks(build_copies, missing, execute)

    yield from fill_folder(output, tasks, build, index)


def build_copies(task: CopyTask) -> ShardEntry:
    """Writes the copies of one shard with their provenance: source id, copy number, sampled parameters."""
    with ShardReader(task.prepared, task.entry, stage="prepare") as shard:
        images, labels, ids = shard.images(), shard.labels(), shard.ids()
    keys = stable_hashes(ids)
    numbers = range(1, task.config.copies + 1)
    variations = [sample_variation(keys, task.config, epoch=0, copy=number) for number in numbers]
    varied = np.empty((len(numbers), *images.shape), dtype=np.uint8)
    for number, variation in zip(numbers, variations, strict=True):
        varied[number - 1] = apply_variation(images, variation, task.config, epoch=0, copy=number)
    content = ShardContent(
        images=varied.reshape(-1, *images.shape[1:]),
        labels=np.tile(labels, len(numbers)),
        ids=[f"{image_id}#{number}" for number in numbers for image_id in ids],
        class_names=task.class_names,
        extra={
            "source_id": np.array([image_id.encode() for image_id in ids] * len(numbers), dtype="S"),
            "copy": np.repeat(np.array(numbers, dtype=np.int32), len(ids)),
            "degrees": np.concatenate([variation.degrees for variation in variations]),
            "mirrored": np.concatenate([variation.mirrored for variation in variations]),
            "upended": np.concatenate([variation.upended for variation in variations]),
            "noisy": np.concatenate([variation.noisy for variation in variations]),
        },
    )
    return write_shard(task.output, task.key, content)


def _flip_matrix(height: int, width: int, *, mirrored: bool, upended: bool) -> NDArray[np.float64]:
    """The 3 x 3 matrix that mirrors pixel coordinates (x, y) within an image."""
    return np.array(
        [
            [-1.0 if mirrored else 1.0, 0.0, width - 1.0 if mirrored else 0.0],
            [0.0, -1.0 if upended else 1.0, height - 1.0 if upended else 0.0],
            [0.0, 0.0, 1.0],
        ]
    )
