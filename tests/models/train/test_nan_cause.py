"""Where the loss of the first step is no number, the advice is one that the network takes."""

from pathlib import Path

import keras
import numpy as np
import pytest

from dataprep.core.errors import TrainError
from dataprep.feed.batches import find_train_set
from dataprep.store.statistics import read_statistics
from models.config.model import ModelConfig
from models.config.train import TrainConfig
from models.layers.features import Pretrained
from models.networks import transfer
from models.train.compiled_network import compile_network
from models.train.nan_cause import cause_of_no_number
from models.train.two_phases import fit_in_phases
from pipelines.parameters.params import Params
from tests.models.networks.building import model_of
from tests.models.train.test_fit import index_of
from tests.models.train.test_two_phases import SETTINGS, made_up

TRANSFER: dict[str, object] = {**SETTINGS, "backbone": "ResNet50"}
AUTOENCODER: dict[str, object] = {"kind": "autoencoder", "filters": [2], "kernel_size": 3, "noise_std": 30.0}
MLP: dict[str, object] = {"kind": "mlp", "dense_units": [2], "dropout": 0.0, "noise": 0.0}
OWN: dict[str, object] = {"kind": "keras", "file": "own.keras"}
CODED: dict[str, object] = {"kind": "encoder_classifier", "file": "a.keras", "frozen": True, "dense_units": [], "dropout": 0.0}

WHERE = "train: the loss must be a number; at step 1 of epoch 1 it was none. "
STANDARD = "Gray levels to 255 are too large for this network: set model.normalise.method to standard"
GROWING = "Values grow from layer to layer: set model.network.batch_normalisation to true"
OTHERS = "Its layers make no numbers of these images: choose others in model.network, whose kind is"


def of_file(name: str, key: str) -> str:
    return (
        f"The layers of saved_networks/{name} make no numbers of these images: put another file there, or correct "
        f"model.network.{key}"
    )


@pytest.mark.parametrize(
    ("network", "method", "cause"),
    [
        (OWN, "none", STANDARD),
        ({**MLP, "batch_normalisation": True}, "none", STANDARD),
        (OWN, "standard", of_file("own.keras", "file")),
        (CODED, "none", of_file("a.keras", "file")),
        ({**TRANSFER, "weights": "b.weights.h5"}, "none", of_file("b.weights.h5", "weights")),
        (TRANSFER, "none", f"{OTHERS} transfer"),
        ({**MLP, "batch_normalisation": False}, "standard", GROWING),
        ({**MLP, "batch_normalisation": True}, "standard", f"{OTHERS} mlp"),
        ({**AUTOENCODER, "batch_normalisation": False}, "none", GROWING),
        ({"kind": "perceptron"}, "scale", f"{OTHERS} perceptron"),
    ],
)
def test_the_cause_is_of_this_network(params: Params, network: dict[str, object], method: str, cause: str) -> None:
    model = model_of(params, network, normalise={"method": method})
    assert cause_of_no_number(model, params.train) == cause
    if cause == STANDARD:
        model_of(params, network, normalise={"method": "standard"})


def test_mixed_precision_is_the_first_thing_to_turn_off(params: Params) -> None:
    devices = params.train.devices.model_copy(update={"mixed_precision": True})
    model = model_of(params, OWN, normalise={"method": "none"})
    cause = cause_of_no_number(model, params.train.model_copy(update={"devices": devices}))
    assert cause.endswith("set train.devices.mixed_precision to false")


def test_a_backbone_that_gives_no_numbers_is_named_by_its_file(
    tiny: Path, params: Params, short: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = made_up(32)
    variance = broken.get_layer("normalisation_2").moving_variance
    variance.assign(np.full(variance.shape, -1.0))  # a finite number, of which batch normalisation takes the root
    monkeypatch.setattr(transfer, "load_backbone", lambda _: Pretrained(broken, "b.keras", "0" * 64))
    model = model_of(params, {**TRANSFER, "weights": "b.keras"})
    assert refused(tiny, model, short, params) == WHERE + of_file("b.keras", "weights")


@pytest.mark.parametrize(("method", "message"), [("none", WHERE + STANDARD), ("standard", None)])
def test_a_file_that_takes_small_values_alone_is_helped_by_what_is_said(
    tiny: Path,
    params: Params,
    short: TrainConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    message: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "saved_networks").mkdir()
    ones = keras.layers.Dense(4, "exponential", kernel_initializer="ones")
    layers = [keras.layers.Flatten(), ones, keras.layers.Dense(3, "softmax")]
    keras.Sequential([keras.Input((8, 8, 1)), *layers]).save("saved_networks/own.keras")
    model = model_of(params, OWN, normalise={"method": method})
    assert refused(tiny, model, short.model_copy(update={"epochs": 1}), params) == message


def refused(tiny: Path, model: ModelConfig, config: TrainConfig, params: Params) -> str | None:
    """The error of a training; None where it has none."""
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    statistics = read_statistics(tiny / "statistics.json", index_of(tiny))
    network = compile_network(model, config, train_set, statistics, augment=params.augment)
    try:
        fit_in_phases(
            network,
            train_set,
            model=model,
            prepared=tiny / "prepared",
            config=config,
            augment=params.augment,
            workers=0,
            callbacks=[],
            checkpoints=None,
        )
    except TrainError as error:
        return str(error)
    return None
