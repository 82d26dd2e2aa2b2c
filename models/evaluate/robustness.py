"""Robustness test: how well the network reads validation images that one operation of augmentation has changed.

An operation that is on and costs many points destroys labels or is too strong; one that is off and costs many shows which
images the network has never learnt to read.
"""

from collections.abc import Iterator
from typing import Literal, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import model_validator

from dataprep.augment.apply import augment_images
from dataprep.augment.drawn_parameters import alone, section_of, suited_operations
from dataprep.config.augment import AugmentConfig
from dataprep.config.base import SplitName
from dataprep.core.artifacts import Count, Document, Fraction, Interval, Place, read_document
from dataprep.core.confidence_intervals import effective_trials, estimate, wilson_interval
from dataprep.core.rng import stable_hashes
from dataprep.feed.batches import chosen_batches, superposed_batches
from dataprep.store.shards import read_index
from models.config.evaluate import EvaluateConfig
from models.evaluate.accuracy_by_level import OperationName, UnderLevel, measure_levels
from models.evaluate.denoising import Denoised, Denoiser, measure_denoising
from models.evaluate.regions import UnderRegion, measure_regions
from models.evaluate.trial_images import IMAGES, Predict, clusters_of, read_trials


class UnderOperation(Document):
    """Accuracy on the tried images under one operation at random strength; the 95% interval counts what is independent."""

    operation: OperationName
    probability: Fraction  # with which it happens in training
    accuracy: Fraction
    accuracy_interval: Interval


class Superposed(Document):
    """Mixtures of the images of a split, and the fraction of them whose classes are all found and none besides."""

    images: Count
    exact_match: Fraction
    exact_match_interval: Interval


class Robustness(Document):
    """What robustness.json holds: how many validation images were tried, their accuracy unchanged and under each operation."""

    format_version: Literal[5] = 5
    images: Count
    clusters: Count  # of groups and distinct pictures: what is independent
    accuracy: Fraction | None  # null where no image was tried
    operations: list[UnderOperation]  # the lowest accuracy first
    levels: list[UnderLevel]
    regions: list[UnderRegion]
    superposed: dict[SplitName, Superposed]  # where augment.superpose is on
    denoised: dict[SplitName, Denoised]  # where the network carries an autoencoder

    @model_validator(mode="after")
    def _tried_or_not(self) -> Self:
        if (self.accuracy is None) != (self.images == 0) or (self.operations and not self.images):
            raise ValueError(
                f"accuracy and operations must be given where images were tried, and only there; {self.images} were"
            )
        return self


def measure_robustness(
    predict: Predict,
    prepared: Place,
    split: pl.DataFrame,
    augment: AugmentConfig,
    config: EvaluateConfig,
    *,
    threshold: float,
    denoiser: Denoiser | None = None,
) -> Robustness:
    """Tries each operation that these images can take, also those that are off, regions, and mixtures where superpose is on.

    Args:
        predict: the network.
        prepared: the folder of the shards.
        split: the split table; id, split and cluster are read.
        augment: the operations' ranges and probabilities.
        config: how many images, and how many at a time.
        threshold: the probability above which a class counts as found in a mixture.
        denoiser: the autoencoder that the network carries; None = it has none.
    """
    num_channels = read_index(prepared, stage="prepare").shape[2]
    settings = {name: alone(augment, name, "random") for name in suited_operations(num_channels)}
    right: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in ["", *settings]}
    tried: list[str] = []
    for images, labels, ids in chosen_batches(prepared, "validation", config.images_per_operation, "trials", config.batch_size):
        tried += ids
        right[""].append(predict(images).argmax(axis=1) == labels)
        keys = stable_hashes(ids)
        for name, only in settings.items():
            varied = augment_images(images, keys, only, epoch=0)
            right[name].append(predict(varied).argmax(axis=1) == labels)
    clusters = clusters_of(tried, split)
    found = {name: estimate(np.concatenate(parts), clusters) for name, parts in right.items() if parts}
    under = [
        UnderOperation(
            operation=name,
            probability=section_of(augment, name).probability if augment.varies else 0.0,
            accuracy=found[name].fraction,
            accuracy_interval=found[name].interval,
        )
        for name in settings
        if name in found
    ]
    trials = read_trials(prepared, split, min(config.images_per_operation, IMAGES), config.batch_size)
    superposed = _try_mixtures(predict, prepared, split, augment, config.batch_size, threshold=threshold)
    return Robustness(
        images=len(tried),
        clusters=len(np.unique(clusters)),
        accuracy=found[""].fraction if found else None,
        operations=sorted(under, key=lambda one: (one.accuracy, one.operation)),
        levels=measure_levels(predict, trials, augment) if trials else [],
        regions=measure_regions(predict, trials) if trials else [],
        superposed=dict(superposed) if augment.superpose.probability > 0 else {},
        denoised=dict(_try_noise(denoiser, prepared, augment, config)) if denoiser else {},
    )


def read_robustness(path: Place) -> Robustness:
    """Reads robustness.json."""
    return read_document(path, Robustness, stage="evaluate")


def _try_mixtures(
    predict: Predict, prepared: Place, split: pl.DataFrame, augment: AugmentConfig, batch_size: int, *, threshold: float
) -> Iterator[tuple[SplitName, Superposed]]:
    for name in _HELD_OUT:
        exact = [
            ((predict(images) > threshold) == (targets > 0)).all(axis=1)
            for images, targets in superposed_batches(prepared, name, augment, batch_size)
        ]
        if exact:  # a split of too few classes has no mixtures
            count, share = sum(map(len, exact)), float(np.concatenate(exact).mean())
            # Which images a mixture is made of is not recorded; at worst the mixtures are as alike as clusters can make them.
            sizes = split.filter(pl.col("split") == name)["cluster"].value_counts()["count"].to_numpy()
            worth = count * effective_trials(sizes, sizes) / sizes.sum()
            yield name, Superposed(images=count, exact_match=share, exact_match_interval=wilson_interval(share, worth))


def _try_noise(
    denoiser: Denoiser, prepared: Place, augment: AugmentConfig, config: EvaluateConfig
) -> Iterator[tuple[SplitName, Denoised]]:
    for name in _HELD_OUT:
        if denoised := measure_denoising(denoiser, prepared, name, augment, config):
            yield name, denoised


_HELD_OUT: tuple[SplitName, ...] = ("validation", "test")
