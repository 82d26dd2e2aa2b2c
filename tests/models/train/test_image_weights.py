"""Weights of train images: which number each has, and that a training learns by them."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import polars as pl
import pytest

from dataprep.config.statistics import StatisticsConfig
from dataprep.core.artifacts import encode_table
from dataprep.core.errors import TrainError
from dataprep.feed.batches import TrainSet, find_train_set
from dataprep.store.group_table import GROUPS
from dataprep.store.shards import read_index
from dataprep.store.statistics import measure_train, read_statistics, write_statistics
from models.config.model import ModelConfig
from models.config.train import TrainConfig, WeightsConfig
from models.evaluate.predict import Classifier, predict
from models.train.compiled_network import compile_network
from models.train.fit import fit
from models.train.image_weights import balanced_weights, with_weights
from models.train.kept_features import keep_features, shuffled_dataset
from models.train.model_bytes import encode_model
from models.train.tf_datasets import with_sample_weights
from pipelines.parameters.params import Params
from tests.conftest import write_striped_tree
from tests.dataprep.augment.augmenting import NOTHING, config_with
from tests.dataprep.augment.test_stored_copies import copy_all
from tests.dataprep.prepare.test_packing import prepare, split_rows

NONE = WeightsConfig(per_class="none", per_origin={}, per_group={})


@pytest.fixture
def train_set(tiny: Path) -> TrainSet:
    return find_train_set(tiny / "prepared", tiny / "augmented")


def ids_of(train_set: TrainSet) -> list[str]:
    return [image_id for file in train_set.files for image_id in file.source_ids()]


def table_of(path: Path, train_set: TrainSet) -> Path:
    """Groups ward-0 and ward-1 in turns, and every third image from a phone."""
    ids = sorted(set(ids_of(train_set)))
    rows = [(name, f"ward-{number % 2}", "phone" if number % 3 == 0 else None) for number, name in enumerate(ids)]
    path.write_bytes(encode_table(pl.DataFrame(rows, schema=GROUPS.columns, orient="row"), GROUPS))
    return path


def test_without_weights_the_train_set_stays_as_it_is_and_no_table_is_read(train_set: TrainSet, tmp_path: Path) -> None:
    assert with_weights(train_set, NONE, NOTHING, tmp_path / "absent") is train_set


def test_balanced_weights_are_those_of_the_images_that_an_epoch_shows(train_set: TrainSet) -> None:
    uneven = replace(train_set, class_counts=[60, 30, 10])
    assert balanced_weights(uneven, NOTHING).tolist() == pytest.approx([100 / 180, 100 / 90, 100 / 30])
    assert balanced_weights(uneven, NOTHING.model_copy(update={"balance": "oversample"})).tolist() == [1, 1, 1]
    half = NOTHING.model_copy(update={"balance": "to_fraction", "balance_fraction": 0.5})
    assert balanced_weights(uneven, half).tolist() == pytest.approx([120 / 180, 120 / 90, 120 / 90])


def test_the_weight_of_an_image_is_the_product_of_those_of_its_origin_and_group(train_set: TrainSet, tmp_path: Path) -> None:
    asked = WeightsConfig(per_class="balanced", per_origin={"phone": 3.0}, per_group={"ward-1": 0.5})
    weighted = with_weights(train_set, asked, NOTHING, table_of(tmp_path / "groups.parquet", train_set))
    assert weighted.weights is not None
    assert weighted.weights.dtype == np.float32
    numbers = {name: number for number, name in enumerate(sorted(set(ids_of(train_set))))}
    expected = [(3.0 if numbers[name] % 3 == 0 else 1) * (0.5 if numbers[name] % 2 else 1) for name in ids_of(train_set)]
    assert weighted.weights.tolist() == expected  # the classes are of one size


def test_a_stored_copy_weighs_what_its_image_does(tiny: Path, tmp_path: Path) -> None:
    copy_all(tiny / "prepared", tmp_path / "augmented", config_with(noise={}).model_copy(update={"copies": 2}))
    copied = find_train_set(tiny / "prepared", tmp_path / "augmented")
    asked = NONE.model_copy(update={"per_group": {"ward-1": 2.0}})
    weights = with_weights(copied, asked, NOTHING, table_of(tmp_path / "groups.parquet", copied)).weights
    assert weights is not None
    by_id: dict[str, set[float]] = {}
    for name, weight in zip(ids_of(copied), weights.tolist(), strict=True):
        by_id.setdefault(name, set()).add(weight)
    assert 3 * len(by_id) == copied.num_images
    assert {len(own) for own in by_id.values()} == {1}
    assert {weight for own in by_id.values() for weight in own} == {1.0, 2.0}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"per_group": {"ward-9": 2.0}}, "none has the group 'ward-9', they have 'ward-0', 'ward-1'. Did you mean ward-"),
        ({"per_origin": {"scanner": 2.0}}, "none has the origin 'scanner', they have 'phone'. Correct it, or take it out"),
    ],
)
def test_a_name_that_no_train_image_has_is_one_line(
    train_set: TrainSet, tmp_path: Path, asked: dict[str, object], words: str
) -> None:
    with pytest.raises(TrainError) as refused:
        with_weights(train_set, NONE.model_copy(update=asked), NOTHING, table_of(tmp_path / "groups.parquet", train_set))
    assert str(refused.value).startswith(f"params.yaml: train.weights.{next(iter(asked))} must name what train images have; ")
    assert words in str(refused.value)


def test_weights_stay_beside_the_features_that_are_kept() -> None:
    images = np.arange(20, dtype=np.uint8).reshape(5, 2, 2, 1)
    targets = np.column_stack([np.eye(2)[[0, 1, 0, 1, 1]], [1, 2, 3, 4, 5]]).astype(np.float32)
    backbone = keras.Sequential([keras.Input((2, 2, 1), dtype="uint8"), keras.layers.Flatten()])
    kept = keep_features(backbone, [(images, targets)], num_batches=1)
    batches = with_sample_weights(shuffled_dataset([kept], batch_size=3, seed=0, epochs=range(1, 2)), 2)
    assert len(batches) == 2
    rows = [
        (*features, *own, weight) for batch in batches for features, own, weight in zip(*map(np.asarray, batch), strict=True)
    ]
    assert sorted(rows) == [(*image.reshape(-1), *target) for image, target in zip(images, targets, strict=True)]


def uneven(folder: Path) -> Path:
    """As `tiny`, with 4 train images of the first class and 24 of each other."""
    write_striped_tree(folder / "raw", classes=3, images=40)
    for path in sorted((folder / "raw/class0").iterdir())[8:]:
        path.unlink()
    prepare(split_rows(folder / "raw"), folder / "prepared", folder / "raw")
    copy_all(folder / "prepared", folder / "augmented", NOTHING)
    write_statistics(folder / "statistics.json", measure_train(folder / "prepared", StatisticsConfig(per="pixel")))
    return folder


def test_balanced_weights_let_a_rare_class_be_learnt_and_the_same_bytes_come_twice(
    tmp_path: Path, small: ModelConfig, short: TrainConfig, params: Params
) -> None:
    folder, brief = uneven(tmp_path), short.model_copy(update={"epochs": 2})
    statistics = read_statistics(folder / "statistics.json", read_index(folder / "prepared", stage="prepare"))

    def fitted(weights: WeightsConfig) -> tuple[bytes, float]:
        """The bytes of a model, and its mean cross-entropy on the train images of the rare class."""
        found = find_train_set(folder / "prepared", folder / "augmented")
        assert found.class_counts[0] < found.class_counts[1] / 4
        train_set = with_weights(found, weights, NOTHING, folder / "absent")
        network = compile_network(small, brief, train_set, statistics, augment=NOTHING)
        prepared = folder / "prepared"
        fit(network, train_set, prepared=prepared, config=brief, augment=NOTHING, workers=0, callbacks=[])
        rows = pl.concat(seen.predictions for seen in predict(Classifier(network, None, None), prepared, params.evaluate))
        rare = rows.filter((pl.col("split") == "train") & (pl.col("label") == "class0"))
        return encode_model(network, recipe={}), float(np.mean(rare["loss"].to_numpy()))

    plain, once, twice = (fitted(NONE.model_copy(update={"per_class": name})) for name in ("none", "balanced", "balanced"))
    assert once == twice
    assert once[1] < 0.7 * plain[1]
