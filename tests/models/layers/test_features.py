"""The features of the last hidden layer are what the head makes probabilities of."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

from dataprep.core.errors import TrainError
from models.layers.features import last_hidden_features
from pipelines.parameters.params import Params
from tests.models.networks.building import build, images

CNN = {
    "kind": "cnn",
    "filters": [4],
    "kernel_size": 3,
    "strides": 1,
    "padding": "same",
    "pooling": "max",
    "unpooled": [],
    "block_dropout": 0.0,
    "dropout_after": [],
    "dense_units": [5],
    "dropout": 0.5,
    "batch_normalisation": True,
    "noise": 0.1,
}


@pytest.mark.parametrize(("head", "last", "num_classes"), [("softmax", "probabilities", 4), ("binary", "logit", 2)])
def test_they_are_what_the_head_sees(params: Params, head: str, last: str, num_classes: int) -> None:
    network = build(params, CNN, head=head, num_classes=num_classes)
    features = last_hidden_features(network).predict_on_batch(images())
    assert features.shape == (12, 5)
    layer = network.get_layer(last)
    given = keras.Model(network.input, layer.output).predict_on_batch(images())
    assert np.allclose(np.asarray(layer(features)), given, atol=1e-6)


def test_of_a_network_without_hidden_layers_they_are_the_pixels(params: Params) -> None:
    assert last_hidden_features(build(params, {"kind": "perceptron"})).output_shape == (None, 8 * 6 * 3)


def test_a_network_within_the_network_is_cut_before_its_own_head() -> None:
    layers = [keras.layers.Conv2D(2, 3), keras.layers.Conv2D(4, 1), keras.layers.GlobalMaxPooling2D()]
    inner = keras.Sequential([keras.Input((8, 6, 3)), *layers])
    inputs = keras.Input((8, 6, 3))
    network = keras.Model(inputs, keras.layers.Softmax()(inner(keras.layers.Rescaling(1 / 255)(inputs))))
    features = last_hidden_features(network)
    scaled = images().astype(np.float32) / 255
    assert features.output_shape == (None, 6 * 4 * 2)
    assert np.allclose(features.predict_on_batch(images()), np.asarray(inner.layers[0](scaled)).reshape(12, -1), atol=1e-6)


def joined() -> keras.Model:
    inputs = keras.Input((3, 2))
    return keras.Model(inputs, keras.layers.MultiHeadAttention(1, 2, name="joined")(inputs, inputs))


def weightless() -> keras.Model:
    return keras.Sequential([keras.Input((3,)), keras.layers.Softmax(name="weightless")])


@pytest.mark.parametrize("make", [joined, weightless])
def test_a_network_without_such_a_layer_is_refused(make: Callable[[], keras.Model]) -> None:
    with pytest.raises(TrainError) as refused:
        last_hidden_features(make())
    assert str(refused.value) == (
        "model.classifier: the network must have a last layer with weights and one input; "
        f"'{make.__name__}' is none. Set model.classifier.kind to head"
    )
