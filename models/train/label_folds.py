"""What networks say of train images that they were not trained on: k-fold cross-validation, to find wrong labels.

A network learns some wrong labels by heart, and then no longer contradicts them. Here the train images are dealt into k folds,
the images of one group into one fold, and k networks are trained, each without one fold, which it then predicts.

Left out means a weight of 0 in the loss: the batches stay the same. Images are not mixed in these trainings, or a mixture would
show the label of an image that is left out.

Source: C. G. Northcutt, L. Jiang, I. L. Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, 2021.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.augment.mixing import unmixed
from dataprep.config.augment import AugmentConfig
from dataprep.core.artifacts import Place
from dataprep.core.rng import stable_hashes, uniforms_for
from dataprep.feed.batches import TrainSet, stored_batches
from dataprep.store.group_table import read_groups
from dataprep.store.shards import read_index
from dataprep.store.statistics import Statistics
from models.config.model import ModelConfig
from models.config.train import TrainConfig
from models.train.compiled_network import compile_network
from models.train.out_of_fold_table import LABEL_FOLDS, NO_FOLDS
from models.train.probability_columns import probability_columns
from models.train.progress import UNWATCHED, Progress
from models.train.two_phases import fit_in_phases


def predict_folds(
    num_folds: int,
    train_set: TrainSet,
    statistics: Statistics,
    groups: Path,
    *,
    model: ModelConfig,
    train: TrainConfig,
    augment: AugmentConfig,
    prepared: Place,
    workers: int,
    progress: Progress = UNWATCHED,
) -> pl.DataFrame:
    """Trains k networks as the one that is kept was trained, and predicts each train image by that which did not see it.

    Args:
        num_folds: k; 0 = none, and the table is empty.
        train_set: what the kept network was fitted on, with its weights.
        statistics: of the train split.
        groups: the table of the groups of train images.
        model: the settings of the network; its own head classifies, also where trees do in the kept one.
        train: how it is fitted.
        augment: what may happen to train images.
        prepared: the folder with the validation shards.
        workers: processes that vary images.
        progress: shows how far each training is.

    Returns:
        Rows of the table `LABEL_FOLDS`, by id: one probability per class.
    """
    if not num_folds:
        return NO_FOLDS
    group_of = dict(read_groups(groups).filter(pl.col("group").is_not_null()).select("id", "group").rows())
    folds = [_folds(file.source_ids(), group_of, num_folds, train.seed) for file in train_set.files]
    row_folds = np.concatenate(folds)
    weights = np.ones(train_set.num_images, np.float32) if train_set.weights is None else train_set.weights
    class_names = read_index(prepared, stage="prepare").class_names
    parts = []
    for fold in range(num_folds):
        progress.fold_began(fold + 1, num_folds, int((row_folds == fold).sum()))
        cut = replace(train_set, weights=np.where(row_folds == fold, np.float32(0), weights))
        network = compile_network(model, train, cut, statistics, augment=augment)
        fit_in_phases(
            network,
            cut,
            model=model,
            prepared=prepared,
            config=train,
            augment=unmixed(augment),
            workers=workers,
            callbacks=[],
            checkpoints=None,
            progress=progress,
        )
        for ids, probabilities in _predicted(network, train_set, folds, fold, train):
            columns = {"id": ids, **probability_columns(probabilities, class_names)}
            parts.append(pl.DataFrame(columns, schema_overrides=LABEL_FOLDS.columns))
    return pl.concat(parts).sort("id")


def _folds(ids: list[str], group_of: dict[str, str], num_folds: int, seed: int) -> NDArray[np.int64]:
    """(n,) the fold of each image: of its group, or of its own id where it has none."""
    keys = stable_hashes([group_of.get(image_id, image_id) for image_id in ids])
    folds: NDArray[np.int64] = (uniforms_for(keys, seed, "label_folds") * num_folds).astype(np.int64)
    return folds


def _predicted(
    network: keras.Model, train_set: TrainSet, folds: list[NDArray[np.int64]], fold: int, train: TrainConfig
) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
    """The ids and probabilities (n, num_classes) of the prepared images of one fold; copies of them are left out."""
    for file, own in zip(train_set.files, folds, strict=True):
        if file.stage != "prepare":
            continue
        start = 0
        for images, _, ids in stored_batches([file], train.batch_size):
            rows = np.flatnonzero(own[start : start + len(ids)] == fold)
            start += len(ids)
            if len(rows):
                yield [ids[row] for row in rows], network.predict_on_batch(images[rows])
