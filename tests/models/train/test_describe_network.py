import keras
import pytest

from models.train.describe_network import describe_network
from models.train.keras_environment import Environment
from models.train.network_sheet import Layer
from pipelines.parameters.params import Params
from tests.models.networks.building import build

ENVIRONMENT = Environment(threads=2, instruction_set="avx2", device="CPU")


@pytest.mark.parametrize("frozen", [False, True])
def test_every_weight_is_counted_once_and_those_that_are_trained(params: Params, frozen: bool) -> None:
    network = build(params, params.model.network.model_dump())
    network.get_layer("dense_1_normalised").trainable = not frozen
    sheet = describe_network(network, ENVIRONMENT, train=params.train)
    assert sheet.weights == network.count_params()
    assert sheet.trained == sum(weight.numpy().size for weight in network.trainable_weights)
    assert sheet.layers[-1].shape == [4]
    assert sheet.settings["train"]["batch_size"] == params.train.batch_size
    assert sheet.versions["keras"] == keras.__version__
    assert sheet.pretrained == {}


def test_a_layer_that_gives_several_arrays_has_no_shape() -> None:
    image = keras.Input((4,))
    both = keras.Model(image, [keras.layers.Dense(2)(image), keras.layers.Dense(3)(image)], name="both")
    network = keras.Model(image, keras.layers.Concatenate()(both(image)))
    layers = describe_network(network, ENVIRONMENT).layers
    assert layers[1] == Layer(name="both", kind="Functional", shape=[], weights=25, trained=25)
