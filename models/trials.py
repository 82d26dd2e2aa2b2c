"""How well the network reads validation images on which one operation of the menu is done, each alone.

An operation that is on and costs many points destroys labels or is too strong; one that is off and costs many shows what the
network was never prepared for.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dataprep.artifacts import Document, Place, read_document
from dataprep.augment import augment_images
from dataprep.config import AugmentConfig, SplitName
from dataprep.image import Pixels
from dataprep.intervals import wilson_interval
from dataprep.operations import alone, section_of, suited_operations
from dataprep.rng import stable_hashes, uniforms_for
from dataprep.shards import read_index
from dataprep.stream import ordered_batches, superposed_batches
from models.config import EvaluateConfig

Predict = Callable[[Pixels], NDArray[np.float32]]
"""(N, H, W, C) uint8 to (N, num_classes) probabilities."""

_DECIDED = 0.5


class Trial(Document):
    """Accuracy on the tried images under one operation at random strength; the interval is Wilson's at 95%."""

    operation: str
    probability: float  # with which it happens in training
    accuracy: float
    accuracy_interval: tuple[float, float]


class Superposed(Document):
    """Mixtures of the images of a split, and the fraction of them whose classes are all found and none besides."""

    images: int
    exact_match: float
    exact_match_interval: tuple[float, float]


class Trials(Document):
    """What trials.json holds: how many validation images were tried, their accuracy as they are, and under each operation."""

    format_version: Literal[1] = 1
    images: int
    accuracy: float | None  # null where no image was tried
    trials: list[Trial]
    superposed: dict[SplitName, Superposed]  # where augment.superpose is on


def try_operations(predict: Predict, prepared: Place, augment: AugmentConfig, config: EvaluateConfig) -> Trials:
    """Tries each operation that these images can take, also those that are off, and mixtures where superpose is on.

    Args:
        predict: the network.
        prepared: the folder of the shards.
        augment: the menu; ranges and probabilities.
        config: how many images, and how many at a time.
    """
    images, labels, keys = _chosen(prepared, config)
    names = suited_operations(read_index(prepared, stage="prepare").shape[2]) if len(labels) else []

    def accuracy_of(shown: Pixels) -> float:
        batches = range(0, len(shown), config.batch_size)
        predicted = [predict(shown[start : start + config.batch_size]).argmax(axis=1) for start in batches]
        return float((np.concatenate(predicted) == labels).mean())

    trials = []
    for name in names:
        accuracy = accuracy_of(augment_images(images, keys, alone(augment, name, "random"), epoch=0))
        trials.append(
            Trial(
                operation=name,
                probability=section_of(augment, name).probability,
                accuracy=accuracy,
                accuracy_interval=wilson_interval(accuracy, len(labels)),
            )
        )
    return Trials(
        images=len(labels),
        accuracy=accuracy_of(images) if len(labels) else None,
        trials=sorted(trials, key=lambda trial: (trial.accuracy, trial.operation)),
        superposed={split: _try_mixtures(predict, prepared, split, augment, config) for split in _HELD_OUT}
        if augment.superpose.probability > 0
        else {},
    )


def read_trials(path: Place) -> Trials:
    """Reads trials.json."""
    return read_document(path, Trials, stage="evaluate")


def _chosen(prepared: Place, config: EvaluateConfig) -> tuple[Pixels, NDArray[np.int64], NDArray[np.uint64]]:
    """Validation images by a hash of their ids, however they stand in the shards: (n, H, W, C), labels (n,), keys (n,)."""
    index = read_index(prepared, stage="prepare")
    kept: list[tuple[Pixels, NDArray[np.int64], NDArray[np.uint64]]] = []
    total = sum(entry.num_images for entry in index.of_split("validation"))
    share = min(config.images_per_operation / max(total, 1), 1.0)
    for images, labels, ids in ordered_batches(prepared, "validation", config.batch_size):
        keys = stable_hashes(ids)
        rows = np.flatnonzero(uniforms_for(keys, 0, "trials") < share)
        kept.append((images[rows], labels[rows], keys[rows]))
    images, labels, keys = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    return images, labels, keys


def _try_mixtures(
    predict: Predict, prepared: Place, split: SplitName, augment: AugmentConfig, config: EvaluateConfig
) -> Superposed:
    exact = [
        ((predict(images) > _DECIDED) == (targets > _DECIDED)).all(axis=1)
        for images, targets in superposed_batches(prepared, split, augment, config.batch_size)
    ]
    matched = np.concatenate(exact)
    share = float(matched.mean())
    return Superposed(images=len(matched), exact_match=share, exact_match_interval=wilson_interval(share, len(matched)))


_HELD_OUT: tuple[SplitName, ...] = ("validation", "test")
