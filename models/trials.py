"""How well the network reads validation images on which one operation of the menu is done, each alone.

An operation that is on and costs many points destroys labels or is too strong; one that is off and costs many shows what the
network was never prepared for.
"""

from collections.abc import Callable, Iterator
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
from dataprep.shards import ShardReader, read_index
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
    num_channels = read_index(prepared, stage="prepare").shape[2]
    settings = {name: alone(augment, name, "random") for name in suited_operations(num_channels)}
    correct = dict.fromkeys(["", *settings], 0)
    count = 0
    for images, labels, keys in _chosen(prepared, config):
        count += len(labels)
        correct[""] += int((predict(images).argmax(axis=1) == labels).sum())
        for name, only in settings.items():
            varied = augment_images(images, keys, only, epoch=0)
            correct[name] += int((predict(varied).argmax(axis=1) == labels).sum())
    trials = [
        Trial(
            operation=name,
            probability=section_of(augment, name).probability if augment.varies else 0.0,
            accuracy=correct[name] / count,
            accuracy_interval=wilson_interval(correct[name] / count, count),
        )
        for name in (settings if count else [])
    ]
    return Trials(
        images=count,
        accuracy=correct[""] / count if count else None,
        trials=sorted(trials, key=lambda trial: (trial.accuracy, trial.operation)),
        superposed=dict(_try_mixtures(predict, prepared, augment, config)) if augment.superpose.probability > 0 else {},
    )


def read_trials(path: Place) -> Trials:
    """Reads trials.json."""
    return read_document(path, Trials, stage="evaluate")


def _chosen(prepared: Place, config: EvaluateConfig) -> Iterator[tuple[Pixels, NDArray[np.int64], NDArray[np.uint64]]]:
    """Batches of validation images chosen by a hash of their ids: (n, H, W, C), labels (n,), keys (n,)."""
    draws = []
    for entry in read_index(prepared, stage="prepare").of_split("validation"):
        with ShardReader(prepared, entry, stage="prepare") as shard:
            draws.append(_draws(stable_hashes(shard.ids())))
    chosen = np.sort(np.concatenate(draws))[: config.images_per_operation]
    for images, labels, ids in ordered_batches(prepared, "validation", config.batch_size):
        keys = stable_hashes(ids)
        if (rows := np.flatnonzero(np.isin(_draws(keys), chosen))).size:
            yield images[rows], labels[rows], keys[rows]


def _draws(keys: NDArray[np.uint64]) -> NDArray[np.float64]:
    return uniforms_for(keys, 0, "trials")


def _try_mixtures(
    predict: Predict, prepared: Place, augment: AugmentConfig, config: EvaluateConfig
) -> Iterator[tuple[SplitName, Superposed]]:
    for split in _HELD_OUT:
        exact = [
            ((predict(images) > _DECIDED) == (targets > _DECIDED)).all(axis=1)
            for images, targets in superposed_batches(prepared, split, augment, config.batch_size)
        ]
        if exact:  # a split of too few classes has no mixtures
            count, share = sum(map(len, exact)), float(np.concatenate(exact).mean())
            yield split, Superposed(images=count, exact_match=share, exact_match_interval=wilson_interval(share, count))


_HELD_OUT: tuple[SplitName, ...] = ("validation", "test")
