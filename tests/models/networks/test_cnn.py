import keras
import pytest

from pipelines.parameters.params import Params
from tests.models.networks.building import build, model_of

CNN: dict[str, object] = {
    "filters": [4],
    "kernel_size": 3,
    "strides": 1,
    "padding": "same",
    "pooling": "max",
    "unpooled": [],
    "block_dropout": 0.25,
    "dropout_after": [],
    "dense_units": [8],
    "dropout": 0.3,
    "batch_normalisation": True,
    "noise": 0.0,
}

VARIANTS: dict[str, dict[str, object]] = {
    "one block": CNN,
    "no convolution": {**CNN, "filters": []},
    "no dense layer": {**CNN, "dense_units": []},
    "average pooling, large kernel": {**CNN, "filters": [4, 4], "pooling": "average", "kernel_size": 5},
    "strides that do not divide the sides": {**CNN, "strides": 5, "unpooled": [1]},
    "no padding": {**CNN, "padding": "valid", "filters": [4, 4], "unpooled": [1]},
    "strides and no padding": {**CNN, "padding": "valid", "strides": 2, "unpooled": [1]},
    "blocks that are not pooled, others with dropout": {**CNN, "filters": [4, 4, 4], "unpooled": [1], "dropout_after": [2, 3]},
    "noise between layers": {**CNN, "noise": 0.1},
    "no batch normalisation, no dropout": {**CNN, "batch_normalisation": False, "dropout": 0.0},
}


def names(network: keras.Model) -> list[str]:
    return [layer.name for layer in network.layers]


def test_pooling_and_dropout_stand_behind_the_blocks_that_are_named(params: Params) -> None:
    network = build(params, {"kind": "cnn", **CNN, "filters": [4, 4, 4], "unpooled": [1, 3], "dropout_after": [2]})
    blocks = [name for name in names(network) if "pooling" in name or ("convolution" in name and "_" not in name[12:])]
    assert blocks == ["convolution_1", "convolution_2", "pooling_2", "convolution_3"]
    assert names(network)[names(network).index("pooling_2") + 1] == "convolution_2_dropout"
    assert network.get_layer("convolution_2_dropout").rate == 0.25


def test_padding_and_strides_are_those_of_the_layers(params: Params) -> None:
    network = build(params, {"kind": "cnn", **CNN, "padding": "valid", "strides": 2, "unpooled": [1]})
    assert network.get_layer("convolution_1").output.shape == (None, 3, 2, 4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unpooled": [2]}, "unpooled must hold numbers of blocks, at most 1, which filters has; got 2"),
        ({"dropout_after": [1, 3]}, "dropout_after must hold numbers of blocks, at most 1, which filters has; got 3"),
    ],
)
def test_a_block_that_is_not_there_is_refused(params: Params, changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        model_of(params, {"kind": "cnn", **CNN, **changes})
