"""A frozen backbone with a new head: phase one on kept features, phase two on the backbone's last layers."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import polars as pl
import pytest

from dataprep.config.augment import AugmentConfig
from dataprep.config.base import SplitName
from dataprep.core.errors import TrainError
from dataprep.feed.batches import find_train_set
from dataprep.store.shards import read_index
from dataprep.store.statistics import read_statistics
from models.config.model import ModelConfig
from models.config.network_kinds import FineTune
from models.config.train import TrainConfig
from models.evaluate.predict import load_model
from models.layers.features import Pretrained, source_of_weights, weights_hash
from models.networks import transfer
from models.train import two_phases
from models.train.checkpoints import Checkpoints, fingerprint_of
from models.train.compiled_network import compile_network
from models.train.kept_features import KeptFeatures, keep_features
from models.train.model_bytes import encode_model
from models.train.model_file import recipe_of
from models.train.tf_datasets import validation_dataset
from models.train.two_phases import fit_in_phases
from pipelines.parameters.params import Params
from tests.dataprep.augment.augmenting import config_with
from tests.models.conftest import stopping
from tests.models.train.test_resume import KillError

SETTINGS: dict[str, object] = {
    "kind": "transfer",
    "backbone": "efficientnet_lite0",
    "weights": "imagenet",
    "image_side": 32,
    "interpolation": "bilinear",
    "dense_units": [],
    "dropout": 0.1,
    "varied_copies": 0,
    "fine_tune": None,
}
FINE_TUNE = {"layers": 2, "epochs": 2, "learning_rate": 1e-3}


def model_with(params: Params, **settings: object) -> ModelConfig:
    network = {**SETTINGS, **settings}
    return ModelConfig.model_validate({**params.model.model_dump(), "normalise": {"method": "none"}, "network": network})


def built(tiny: Path, model: ModelConfig, config: TrainConfig, augment: AugmentConfig) -> keras.Model:
    statistics = read_statistics(tiny / "statistics.json", read_index(tiny / "prepared", stage="prepare"))
    return compile_network(model, config, find_train_set(tiny / "prepared", tiny / "augmented"), statistics, augment=augment)


def backbone_of(network: keras.Model) -> keras.Model:
    return next(layer for layer in network.layers if isinstance(layer, keras.Model))


class KilledAfter(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Ends the training as a kill would, in the first step after so many epochs of all phases."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.left = epochs

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.left -= 1

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        if not self.left:
            raise KillError


def trained(
    tiny: Path,
    model: ModelConfig,
    config: TrainConfig,
    augment: AugmentConfig,
    *callbacks: keras.callbacks.Callback,
    network: keras.Model | None = None,
    checkpoints: Checkpoints | None = None,
) -> tuple[keras.Model, pl.DataFrame]:
    network = network or built(tiny, model, config, augment)
    history = fit_in_phases(
        network,
        find_train_set(tiny / "prepared", tiny / "augmented"),
        model=model,
        prepared=tiny / "prepared",
        config=config,
        augment=augment,
        workers=0,
        callbacks=list(callbacks),
        checkpoints=checkpoints,
    )
    return network, history


@pytest.fixture(autouse=True)
def small_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small network stands for a pretrained one, but for the tests that take that away."""
    monkeypatch.setattr(transfer, "load_backbone", lambda config: Pretrained(made_up(config.image_side), "made up", "0" * 64))


def made_up(side: int) -> keras.Model:
    inputs = keras.Input((side, side, 3))
    x = keras.layers.Rescaling(1 / 128, offset=-1)(inputs)
    for number, filters in enumerate((8, 8, 16), start=1):
        x = keras.layers.Conv2D(filters, 3, strides=2, use_bias=False, name=f"convolution_{number}")(x)
        x = keras.layers.BatchNormalization(name=f"normalisation_{number}")(x)
        x = keras.layers.ReLU()(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


@pytest.fixture
def brief(short: TrainConfig) -> TrainConfig:
    return short.model_copy(update={"epochs": 4, "early_stopping": stopping(4)})


@pytest.fixture(scope="session")
def still(params: Params) -> AugmentConfig:
    """Nothing varies."""
    return params.augment.model_copy(update={"online": False, "balance": "none"})


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Filled with the number of images whose features are kept, each time that some are."""
    kept: list[int] = []

    def keep(*arguments: Any, **options: Any) -> KeptFeatures:
        found = keep_features(*arguments, **options)
        kept.append(len(found.rows))
        return found

    monkeypatch.setattr(two_phases, "keep_features", keep)
    return kept


def num_images(tiny: Path, split: SplitName) -> int:
    return sum(entry.num_images for entry in read_index(tiny / "prepared", stage="prepare").of_split(split))


@pytest.mark.parametrize("augmented", [False, True], ids=["on kept features", "on images"])
def test_the_frozen_weights_are_unchanged_in_phase_one(
    tiny: Path, params: Params, brief: TrainConfig, still: AugmentConfig, augmented: bool, seen: list[int]
) -> None:
    augment = config_with(noise={"std": (5.0, 5.0)}) if augmented else still
    model = model_with(params)
    network = built(tiny, model, brief, augment)
    before, head = weights_hash(backbone_of(network)), network.get_layer("probabilities").get_weights()
    _, history = trained(tiny, model, brief, augment, network=network)
    assert weights_hash(backbone_of(network)) == before
    assert not np.array_equal(network.get_layer("probabilities").get_weights()[0], head[0])
    assert history["loss"][-1] < history["loss"][0]
    assert bool(seen) != augmented


def test_features_are_computed_once_and_the_head_sees_what_the_whole_network_sees(
    tiny: Path, params: Params, brief: TrainConfig, still: AugmentConfig, seen: list[int]
) -> None:
    network, history = trained(tiny, model_with(params), brief, still)
    assert seen == [num_images(tiny, "train"), num_images(tiny, "validation")]  # and not once for each epoch
    assert history.height == 4
    whole = validation_loss(tiny, network, still, brief)
    assert whole == pytest.approx(min(history["val_loss"]), rel=1e-4)


def validation_loss(tiny: Path, network: keras.Model, augment: AugmentConfig, config: TrainConfig) -> float:
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    dataset = validation_dataset(tiny / "prepared", train_set, augment, batch_size=config.batch_size, failures=[])
    return float(network.evaluate(dataset, verbose=0, return_dict=True)["loss"])


def test_of_varied_images_as_many_copies_are_kept_as_asked_for(
    tiny: Path, params: Params, brief: TrainConfig, seen: list[int]
) -> None:
    augment = config_with(noise={"std": (5.0, 5.0)})
    trained(tiny, model_with(params, varied_copies=3), brief, augment)
    assert seen == [*[num_images(tiny, "train")] * 3, num_images(tiny, "validation")]


def test_epochs_take_turns_with_the_copies(tiny: Path, params: Params, brief: TrainConfig) -> None:
    """With one copy all epochs see the same features, with two every second one."""
    augment = config_with(noise={"std": (60.0, 60.0)})
    frozen = brief.model_copy(update={"optimizer": brief.optimizer.model_copy(update={"learning_rate": 1e-12})})
    losses = {
        copies: trained(tiny, model_with(params, varied_copies=copies, dropout=0.0), frozen, augment)[1]["loss"].to_list()
        for copies in (1, 2)
    }
    assert losses[1][0] == pytest.approx(losses[1][1], rel=1e-5)
    assert losses[2][0] == pytest.approx(losses[2][2], rel=1e-5)
    assert abs(losses[2][0] - losses[2][1]) > 1e-3


def test_images_that_are_balanced_anew_each_epoch_are_not_kept_unasked(
    tiny: Path, params: Params, brief: TrainConfig, still: AugmentConfig, seen: list[int]
) -> None:
    trained(tiny, model_with(params), brief, still.model_copy(update={"balance": "oversample"}))
    assert not seen


def test_fine_tuning_trains_the_last_layers_and_leaves_batch_normalisation_alone(
    tiny: Path, params: Params, brief: TrainConfig, still: AugmentConfig
) -> None:
    model = model_with(params, fine_tune=FINE_TUNE)
    network = built(tiny, model, brief, still)
    before = {layer.name: layer.get_weights() for layer in backbone_of(network).layers}
    _, history = trained(tiny, model, brief, still, network=network)
    assert history["epoch"].to_list() == [1, 2, 3, 4, 5, 6]
    changed = {
        layer.name
        for layer in backbone_of(network).layers
        if not all(map(np.array_equal, layer.get_weights(), before[layer.name]))
    }
    assert changed == {"convolution_2", "convolution_3"}
    assert history["val_loss"][4:].min() < history["val_loss"][:4].min()  # type: ignore[operator]  # polars types it loosely
    assert history["val_loss"].min() == pytest.approx(validation_loss(tiny, network, still, brief), rel=1e-3)


def test_a_second_phase_that_gains_nothing_is_undone(
    tiny: Path, params: Params, brief: TrainConfig, still: AugmentConfig
) -> None:
    model = model_with(params, fine_tune={**FINE_TUNE, "learning_rate": 1.0})
    network = built(tiny, model, brief, still)
    before = weights_hash(backbone_of(network))
    _, history = trained(tiny, model, brief, still, network=network)
    assert history["val_loss"][:4].min() < history["val_loss"][4:].min()  # type: ignore[operator]
    assert weights_hash(backbone_of(network)) == before
    assert validation_loss(tiny, network, still, brief) == pytest.approx(min(history["val_loss"]), rel=1e-3)


def test_more_layers_than_there_are_mean_all(params: Params, tiny: Path, brief: TrainConfig, still: AugmentConfig) -> None:
    network = built(tiny, model_with(params), brief, still)
    two_phases.unfreeze_last(network, 1000)
    backbone = backbone_of(network)
    normalisations = [layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(backbone.trainable_weights) == len(backbone.weights) - 4 * len(normalisations)


def test_the_same_seed_gives_the_same_file_which_says_where_the_weights_are_from(
    tiny: Path, params: Params, brief: TrainConfig, still: AugmentConfig, tmp_path: Path
) -> None:
    model, index = model_with(params, fine_tune=FINE_TUNE), read_index(tiny / "prepared", stage="prepare")
    files = []
    for _ in range(2):
        network, _ = trained(tiny, model, brief, still)
        files.append(encode_model(network, recipe={**recipe_of(index), **source_of_weights(network)}))
    assert files[0] == files[1]
    (tmp_path / "model.keras").write_bytes(files[0])
    images = np.random.default_rng(0).integers(0, 256, (3, *index.shape), dtype=np.uint8)
    loaded = load_model(tmp_path / "model.keras", index)
    assert np.array_equal(loaded.predict_on_batch(images), network.predict_on_batch(images))


@pytest.mark.parametrize("on_images", [False, True], ids=["on kept features", "on images"])
def test_training_killed_in_either_phase_ends_with_the_bytes_of_one_that_was_not(
    tiny: Path, params: Params, brief: TrainConfig, still: AugmentConfig, on_images: bool, tmp_path: Path
) -> None:
    augment = config_with(noise={"std": (5.0, 5.0)}) if on_images else still
    config, model = brief.model_copy(update={"epochs": 2}), model_with(params, fine_tune=FINE_TUNE)
    network, history = trained(tiny, model, config, augment)
    checkpoints = Checkpoints(tmp_path / "checkpoints", "this training")
    for epochs in (1, 3):
        with pytest.raises(KillError):
            trained(tiny, model, config, augment, KilledAfter(epochs), checkpoints=checkpoints)
    resumed, of_resumed = trained(tiny, model, config, augment, checkpoints=checkpoints)
    assert encode_model(resumed, recipe={}) == encode_model(network, recipe={})
    assert of_resumed.equals(history)
    checkpoints.remove()
    assert list(tmp_path.iterdir()) == []


def test_features_are_not_computed_again_when_the_phase_that_needs_them_is_over(
    tiny: Path, params: Params, brief: TrainConfig, still: AugmentConfig, seen: list[int], tmp_path: Path
) -> None:
    config, model = brief.model_copy(update={"epochs": 1}), model_with(params, fine_tune=FINE_TUNE)
    checkpoints = Checkpoints(tmp_path, "this training")
    with pytest.raises(KillError):
        trained(tiny, model, config, still, KilledAfter(1), checkpoints=checkpoints)
    computed = len(seen)
    assert computed
    trained(tiny, model, config, still, checkpoints=checkpoints)
    assert len(seen) == computed


def test_a_checkpoint_from_other_pretrained_weights_is_not_used(
    tiny: Path, params: Params, brief: TrainConfig, still: AugmentConfig
) -> None:
    network = built(tiny, model_with(params), brief, still)
    before = fingerprint_of(network, brief)
    assert fingerprint_of(network, brief) == before
    weights = backbone_of(network).layers[2]
    weights.set_weights([-values for values in weights.get_weights()])
    assert fingerprint_of(network, brief) != before


def test_a_loss_that_is_no_number_in_the_second_phase_names_the_rate_of_that_phase(
    tiny: Path, params: Params, brief: TrainConfig, still: AugmentConfig
) -> None:
    model = model_with(params)
    wild = FineTune.model_construct(layers=2, epochs=2, learning_rate=1e38)
    model = model.model_copy(update={"network": model.network.model_copy(update={"fine_tune": wild})})
    with pytest.raises(
        TrainError, match=r"at step \d of epoch 1 .* Lower model\.network\.fine_tune\.learning_rate \(1e\+38\)$"
    ):
        trained(tiny, model, brief.model_copy(update={"epochs": 1}), still)
