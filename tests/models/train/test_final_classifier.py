"""Boosted trees on the features of a fitted network: what classifies in the end is what the model file holds."""

import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import polars as pl
import pytest
import xgboost

from dataprep.core.errors import ArtifactError
from dataprep.feed.batches import find_train_set, ordered_batches
from dataprep.store.statistics import read_statistics
from models.config.model import ModelConfig, XgboostConfig
from models.config.train import TrainConfig
from models.evaluate.predict import load_model, predict
from models.layers.features import last_hidden_features
from models.search.trial import train_trial
from models.train.compiled_network import compile_network
from models.train.final_classifier import FittedClassifier, check_classifier, fit_classifier
from models.train.model_bytes import encode_model
from models.train.model_file import TREES, recipe_of
from pipelines.parameters.params import Params
from tests.models.train.test_fit import index_of

HISTORY = pl.DataFrame({"epoch": [1], "val_loss": [1.1], "val_accuracy": [0.3]})
SETTINGS = XgboostConfig(kind="xgboost", rounds=30, patience=3, max_depth=3, learning_rate=0.3, subsample=0.8)


@pytest.fixture(scope="module")
def boosted(small: ModelConfig) -> ModelConfig:
    return small.model_copy(update={"classifier": SETTINGS})


@pytest.fixture(scope="module")
def network(tiny: Path, boosted: ModelConfig, short: TrainConfig, params: Params) -> keras.Model:
    """As it is before the first step: its head guesses, and its features already tell the classes apart."""
    statistics = read_statistics(tiny / "statistics.json", index_of(tiny))
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    return compile_network(boosted, short, train_set, statistics, augment=params.augment)


def fit_trees(tiny: Path, network: keras.Model, model: ModelConfig, config: TrainConfig) -> FittedClassifier:
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    return fit_classifier(network, train_set, HISTORY, model=model, prepared=tiny / "prepared", config=config)


@pytest.fixture(scope="module")
def trees(tiny: Path, network: keras.Model, boosted: ModelConfig, short: TrainConfig) -> FittedClassifier:
    return fit_trees(tiny, network, boosted, short)


@pytest.fixture(scope="module")
def path(tiny: Path, network: keras.Model, trees: FittedClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.keras"
    path.write_bytes(encode_model(network, recipe_with(tiny, "xgboost"), trees.members))
    return path


def recipe_with(tiny: Path, classifier: str) -> dict[str, object]:
    return {**recipe_of(index_of(tiny)), "model": {"classifier": {"kind": classifier}}}


def test_the_trees_classify_and_not_the_head(
    tiny: Path, path: Path, network: keras.Model, trees: FittedClassifier, params: Params
) -> None:
    booster = xgboost.Booster()
    booster.load_model(bytearray(trees.members[TREES]))
    features = last_hidden_features(network)
    classifier = load_model(path, index_of(tiny))
    images, _, _ = next(ordered_batches(tiny / "prepared", "test", 50))
    assert np.array_equal(classifier.predict_on_batch(images), booster.inplace_predict(features.predict_on_batch(images)))
    rows = pl.concat(seen.predictions for seen in predict(classifier, tiny / "prepared", params.evaluate)).filter(
        pl.col("split") == "validation"
    )
    accuracy = (rows["label"] == rows["predicted"]).mean()
    assert accuracy == pytest.approx(trees.scores["val_accuracy"])
    assert rows["loss"].mean() == pytest.approx(trees.scores["val_loss"], rel=1e-4)
    assert accuracy > 0.8  # type: ignore[operator]  # polars types a mean loosely


def test_keras_alone_loads_the_network_with_its_own_head(tiny: Path, path: Path, network: keras.Model) -> None:
    images, _, _ = next(ordered_batches(tiny / "prepared", "test", 50))
    loaded = keras.models.load_model(path, compile=False, safe_mode=True)
    assert np.array_equal(loaded.predict_on_batch(images), network.predict_on_batch(images))


def test_the_rounds_up_to_the_best_are_kept(trees: FittedClassifier) -> None:
    booster = xgboost.Booster()
    booster.load_model(bytearray(trees.members[TREES]))
    assert booster.num_boosted_rounds() < SETTINGS.rounds
    assert trees.summary.startswith(
        f"1 epochs -> best epoch 1, validation accuracy 0.3000; trees on 16 features, {booster.num_boosted_rounds()} rounds, "
    )


def test_the_same_seed_gives_the_same_trees_and_another_seed_others(
    tiny: Path, network: keras.Model, boosted: ModelConfig, short: TrainConfig, trees: FittedClassifier
) -> None:
    assert fit_trees(tiny, network, boosted, short).members == trees.members
    assert fit_trees(tiny, network, boosted, short.model_copy(update={"seed": 1})).members != trees.members


def test_a_search_judges_what_classifies(tiny: Path, boosted: ModelConfig, short: TrainConfig, params: Params) -> None:
    reported: list[float] = []

    def record(_epoch: int, score: float) -> bool:
        reported.append(score)
        return False

    score = train_trial(
        find_train_set(tiny / "prepared", tiny / "augmented"),
        read_statistics(tiny / "statistics.json", index_of(tiny)),
        prepared=tiny / "prepared",
        model=boosted,
        train=short.model_copy(update={"epochs": 1}),
        augment=params.augment,
        workers=0,
        metric="loss",
        report=record,
    )
    assert len(reported) == 1
    assert score < reported[0]


def test_the_extra_is_asked_for_before_training(
    network: keras.Model, small: ModelConfig, boosted: ModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    check_classifier(network, small)
    with pytest.raises(ArtifactError, match=r"^model\.classifier: kind xgboost needs .* Run: pip install '\.\[boosting\]'$"):
        check_classifier(network, boosted)


def test_a_model_with_trees_cannot_be_evaluated_without_the_extra(
    tiny: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(ArtifactError, match=r"^model\.classifier: kind xgboost needs .* Run: pip install '\.\[boosting\]'$"):
        load_model(path, index_of(tiny))


def test_trees_without_a_network_for_them_are_one_line(tiny: Path, trees: FittedClassifier, tmp_path: Path) -> None:
    layers = [keras.layers.Flatten(), keras.layers.Reshape((64, 1)), keras.layers.Cropping1D((0, 61)), keras.layers.Flatten()]
    weightless = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    weightless.compile(loss="categorical_crossentropy")
    path = tmp_path / "model.keras"
    path.write_bytes(encode_model(weightless, recipe_with(tiny, "xgboost"), trees.members))
    with pytest.raises(
        ArtifactError, match=r"must hold a network with features for its trees; it has none \(TrainError: .*train$"
    ):
        load_model(path, index_of(tiny))


@pytest.mark.parametrize(
    ("classifier", "holds", "message"),
    [
        ("xgboost", False, "'head', since it lacks boosted_trees.json; it says 'xgboost'"),
        ("head", True, "'xgboost', since it holds boosted_trees.json; it says 'head'"),
        ("forest", True, "'xgboost', since it holds boosted_trees.json; it says 'forest'"),
    ],
)
def test_a_file_must_say_itself_what_classifies(
    tiny: Path, network: keras.Model, trees: FittedClassifier, tmp_path: Path, classifier: str, holds: bool, message: str
) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(encode_model(network, recipe_with(tiny, classifier), trees.members if holds else {}))
    with pytest.raises(ArtifactError) as refused:
        load_model(path, index_of(tiny))
    assert str(refused.value) == (
        f"{path} must say in metadata.json, under 'darkroom.model.classifier.kind', {message}. Run: dvc repro train"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", r"cannot be loaded as a Keras model \(boosted_trees\.json: JSONDecodeError"),
        (b"\x80\x04N.", r"cannot be loaded as a Keras model \(boosted_trees\.json: UnicodeDecodeError"),  # a pickle
        (b"null", r"must hold an object in boosted_trees\.json; it holds None"),
        (b"{}", r"must hold boosted trees of XGBoost in boosted_trees\.json; it does not \(KeyError: 'learner'\)"),
        (b" " * (2**26 + 1), r"must have a boosted_trees\.json of at most 67,108,864 bytes; it is larger"),
    ],
    ids=["truncated", "a pickle", "null", "empty", "too large"],
)
def test_what_are_no_trees_is_one_line(tiny: Path, path: Path, tmp_path: Path, content: bytes, message: str) -> None:
    doctored = tmp_path / "model.keras"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(doctored, "w") as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name), content if name == TREES else source.read(name))
    with pytest.raises(ArtifactError, match=message) as refused:
        load_model(doctored, index_of(tiny))
    assert str(refused.value).startswith(f"{doctored} ")
    assert str(refused.value).endswith("Run: dvc repro train")


def test_weights_of_images_count_for_trees(
    tiny: Path, network: keras.Model, boosted: ModelConfig, short: TrainConfig, trees: FittedClassifier
) -> None:
    plain = find_train_set(tiny / "prepared", tiny / "augmented")
    weighted = replace(plain, weights=np.linspace(1, 100, plain.num_images, dtype=np.float32))
    fitted = fit_classifier(network, weighted, HISTORY, model=boosted, prepared=tiny / "prepared", config=short)
    assert fitted.members != trees.members
