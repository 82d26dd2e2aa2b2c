"""Trainings without a part of the train images: each image is predicted by a network that did not see its label."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dataprep.core.artifacts import encode_table
from dataprep.core.errors import ArtifactError
from dataprep.feed.batches import find_train_set, stored_batches
from dataprep.store.group_table import GROUPS
from dataprep.store.shards import read_index
from dataprep.store.statistics import read_statistics
from models.config.model import ModelConfig
from models.config.train import TrainConfig
from models.train import label_folds
from models.train.label_folds import predict_folds
from models.train.out_of_fold_table import LABEL_FOLDS, NO_FOLDS, read_folds
from tests.dataprep.augment.augmenting import config_with


@pytest.fixture
def folded(tiny: Path, tmp_path: Path, mlp: ModelConfig, short: TrainConfig, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Two folds of `tiny`, all of class 0 in one group; the second value has the network of each training, and what it got."""
    given = []

    def remember(network, train_set, **options):  # type: ignore[no-untyped-def]
        given.append((network, train_set, options["augment"]))
        return original(network, train_set, **options)

    original = label_folds.fit_in_phases  # type: ignore[attr-defined]
    monkeypatch.setattr(label_folds, "fit_in_phases", remember)
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    ids = sorted({image_id for file in train_set.files for image_id in file.source_ids()})
    table = pl.DataFrame(
        [(image_id, "one writer" if "class0" in image_id else None, None) for image_id in ids],
        schema=GROUPS.columns,
        orient="row",
    )
    groups = tmp_path / "groups.parquet"
    groups.write_bytes(encode_table(table, GROUPS))
    index = read_index(tiny / "prepared", stage="prepare")
    found = predict_folds(
        2,
        train_set,
        read_statistics(tiny / "statistics.json", index),
        groups,
        model=mlp,
        train=short,
        augment=config_with(mixup={}),
        prepared=tiny / "prepared",
        workers=0,
    )
    return found, given, ids


def test_each_train_image_is_predicted_once_by_a_network_without_it(folded) -> None:  # type: ignore[no-untyped-def]
    found, given, ids = folded
    assert found["id"].to_list() == ids
    probabilities = found.drop("id").to_numpy()
    assert probabilities.shape == (len(ids), 3)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    first, second = (train_set.weights for _, train_set, _ in given)
    assert ((first > 0) != (second > 0)).all()
    assert len(given) == 2


def test_images_of_one_group_are_left_out_together_and_none_is_mixed(folded) -> None:  # type: ignore[no-untyped-def]
    _, given, _ = folded
    _, train_set, augment = given[0]
    rows = [image_id for file in train_set.files for image_id in file.source_ids()]
    weights = np.array([weight for image_id, weight in zip(rows, train_set.weights, strict=True) if "class0" in image_id])
    assert len(set(weights.tolist())) == 1
    assert augment.mixup.probability == 0


def test_an_image_is_predicted_by_the_network_in_which_it_had_no_weight(folded) -> None:  # type: ignore[no-untyped-def]
    found, given, _ = folded
    said = dict(zip(found["id"], found.drop("id").to_numpy(), strict=True))
    for network, train_set, _ in given:
        batches = list(stored_batches(train_set.files, 1000))
        images, ids = np.concatenate([own for own, _, _ in batches]), [image_id for _, _, own in batches for image_id in own]
        left_out = np.flatnonzero(train_set.weights == 0)
        expected = network.predict_on_batch(images[left_out])
        assert np.array([said[ids[row]] for row in left_out]) == pytest.approx(expected, abs=1e-6)


def test_without_folds_the_table_is_empty(tiny: Path, mlp: ModelConfig, short: TrainConfig) -> None:
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    measured = read_statistics(tiny / "statistics.json", read_index(tiny / "prepared", stage="prepare"))
    settings = {"model": mlp, "train": short, "augment": config_with(mixup={}), "prepared": tiny / "prepared", "workers": 0}
    assert predict_folds(0, train_set, measured, tiny / "absent", **settings).equals(NO_FOLDS)  # type: ignore[arg-type]


def test_a_table_of_other_images_is_refused(tmp_path: Path) -> None:
    predictions = pl.DataFrame({"id": ["a", "b"], "split": ["train", "test"], "probability_x": [0.5, 0.5]})
    path = tmp_path / "label_folds.parquet"
    rows = pl.DataFrame({"id": ["a"], "probability_x": pl.Series([0.25], dtype=pl.Float32())})
    path.write_bytes(encode_table(rows, LABEL_FOLDS))
    assert read_folds(path, predictions).equals(rows)
    for other in (predictions.with_columns(split=pl.lit("test")), predictions.rename({"probability_x": "probability_y"})):
        with pytest.raises(ArtifactError, match=r"must hold the . train images that were predicted"):
            read_folds(path, other)
    path.write_bytes(encode_table(NO_FOLDS, LABEL_FOLDS))
    assert read_folds(path, predictions).is_empty()
