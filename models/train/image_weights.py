"""How much each train image counts in the loss: the weight of its class times that of its origin times that of its group."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.augment.balance import repeats_per_class, total_per_class
from dataprep.config.augment import AugmentConfig
from dataprep.core.errors import TrainError, closest, first_five
from dataprep.feed.batches import ShardFile, TrainSet
from dataprep.store.group_table import read_groups
from models.config.train import WeightsConfig


def with_weights(train_set: TrainSet, config: WeightsConfig, augment: AugmentConfig, groups: Path) -> TrainSet:
    """Gives the images of a train set the weights that were asked for; where none was, the set stays as it is.

    Args:
        train_set: of the shards.
        config: which weights.
        augment: how often images of each class are shown; balanced weights make up for what it leaves unbalanced.
        groups: the table of the groups and origins of train images, read only where one of these has a weight.

    Raises:
        TrainError: no train image has an origin or a group that has a weight.
        ArtifactError: the table is missing or damaged.
    """
    if config.per_class == "none" and not config.per_origin and not config.per_group:
        return train_set
    per_class = np.ones(train_set.num_classes) if config.per_class == "none" else balanced_weights(train_set, augment)
    per_id = _weights_by_id(config, groups) if config.per_origin or config.per_group else {}
    weights = [_weights_of(file, per_class, per_id) for file in train_set.files]
    return replace(train_set, weights=np.concatenate(weights).astype(np.float32))


def balanced_weights(train_set: TrainSet, augment: AugmentConfig) -> NDArray[np.float64]:
    """Weights under which each class counts alike, as those of `class_weight="balanced"` in scikit-learn.

    Returns:
        (k,) for each of k classes, n / (k x n_c): of n images that an epoch shows, n_c are of the class.
    """
    counts = np.array(train_set.class_counts)
    shown = total_per_class(counts, repeats_per_class(counts, augment))
    weights: NDArray[np.float64] = shown.sum() / (len(shown) * np.maximum(shown, 1))
    return weights


def _weights_by_id(config: WeightsConfig, groups: Path) -> dict[str, float]:
    """The weights of the images whose origin or group has one."""
    table = read_groups(groups)
    for column, named in (("origin", config.per_origin), ("group", config.per_group)):
        _check_named(column, named, table[column].drop_nulls().unique().sort().to_list())
    weights = pl.lit(1.0)
    for column, named in (("origin", config.per_origin), ("group", config.per_group)):
        if named:
            weights *= pl.col(column).replace_strict(dict(named), default=1.0, return_dtype=pl.Float64)
    return dict(table.select("id", weight=weights).rows())


def _check_named(column: str, named: Mapping[str, float], known: list[str]) -> None:
    for name in named:
        if name not in known:
            close = closest(name, known)
            there = f"they have {first_five(known)}" if known else f"they have no {column}"
            raise TrainError(
                f"params.yaml: train.weights.per_{column} must name what train images have; none has the {column} {name!r}, "
                f"{there}. {f'Did you mean {close}?' if close else 'Correct it, or take it out'}"
            )


def _weights_of(file: ShardFile, per_class: NDArray[np.float64], per_id: Mapping[str, float]) -> NDArray[np.float64]:
    """(n,) of the rows of one shard."""
    with file.open() as shard:
        weights: NDArray[np.float64] = per_class[shard.labels()]
    return weights * [per_id.get(image_id, 1.0) for image_id in file.source_ids()] if per_id else weights
