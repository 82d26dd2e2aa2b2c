"""Hidden layers compute in float16 while they are fitted; what is saved computes in float32 and needs nothing of ours."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from dataprep.feed.batches import find_train_set, ordered_batches
from dataprep.store.statistics import read_statistics
from models.config.model import ModelConfig
from models.config.train import TrainConfig
from models.train.compiled_network import compile_network
from models.train.mixed_precision import fitting_precision
from models.train.model_bytes import encode_model
from models.train.two_phases import fit_in_phases
from pipelines.parameters.params import Params
from tests.models.train.test_fit import index_of


@pytest.fixture(scope="module")
def mixed(short: TrainConfig) -> TrainConfig:
    return short.model_copy(update={"devices": short.devices.model_copy(update={"mixed_precision": True})})


def compiled(tiny: Path, model: ModelConfig, config: TrainConfig, params: Params) -> keras.Model:
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    statistics = read_statistics(tiny / "statistics.json", index_of(tiny))
    return compile_network(model, config, train_set, statistics, augment=params.augment)


def test_normalisation_and_head_stay_float32(tiny: Path, mlp: ModelConfig, mixed: TrainConfig, params: Params) -> None:
    network = compiled(tiny, mlp, mixed, params)
    with fitting_precision(network, mixed=True):
        computed = {layer.name: layer.compute_dtype for layer in network.layers}
        assert computed["normalisation"] == computed["probabilities"] == "float32"
        assert computed["dense_1"] == computed["dense_1_normalised"] == computed["dense_1_relu"] == "float16"
        assert network(np.zeros((1, 8, 8, 1), np.uint8)).dtype == "float32"
        assert {weight.dtype for weight in network.trainable_weights} == {"float32"}
    assert {layer.compute_dtype for layer in network.layers[1:]} == {"float32"}


def test_a_network_trained_so_is_saved_as_one_of_float32(
    tiny: Path, mlp: ModelConfig, mixed: TrainConfig, params: Params, tmp_path: Path
) -> None:
    network = compiled(tiny, mlp, mixed, params)
    assert isinstance(network.optimizer, keras.optimizers.LossScaleOptimizer)
    history = fit_in_phases(
        network,
        find_train_set(tiny / "prepared", tiny / "augmented"),
        model=mlp,
        prepared=tiny / "prepared",
        config=mixed,
        augment=params.augment,
        workers=0,
        callbacks=[],
        checkpoints=None,
    )
    assert history["val_accuracy"].max() > 0.8  # type: ignore[operator]  # polars types a maximum loosely
    path = tmp_path / "model.keras"
    path.write_bytes(encode_model(network, recipe={}))
    with zipfile.ZipFile(path) as file:
        config = json.loads(file.read("config.json"))
    assert "float16" not in json.dumps(config)
    assert config["compile_config"]["optimizer"]["class_name"] == "Adam"
    images, labels, _ = next(ordered_batches(tiny / "prepared", "validation", 64))
    loaded = keras.models.load_model(path)  # compiled too, as anybody would
    probabilities = loaded.predict_on_batch(images)
    assert probabilities.dtype == np.float32
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.8
