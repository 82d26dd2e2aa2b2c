import keras
import pytest

from models.config.evaluate import EvaluateConfig
from models.evaluate.robustness_budget import affordable, multiplications
from pipelines.parameters.params import Params
from tests.models.networks.building import build


def network(side: int, filters: int) -> keras.Model:
    layers = [keras.layers.Conv2D(filters, 3, padding="same"), keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(10)]
    return keras.Sequential([keras.Input((side, side, 8)), *layers])


def test_kernels_count_at_each_place_also_in_a_network_within_the_network() -> None:
    inner = network(5, 16)
    expected = 3 * 3 * 8 * 16 * 25 + 16 * 10
    assert multiplications(inner) == expected
    image = keras.Input((5, 5, 8))
    assert multiplications(keras.Model(image, keras.layers.Dense(3)(inner(image)))) == expected + 30


def test_the_default_network_is_tried_on_as_many_images_as_are_asked_for_and_a_large_one_on_fewer(params: Params) -> None:
    small = build(params, params.model.network.model_dump(), shape=(16, 16, 1))
    assert affordable(params.evaluate, small) == params.evaluate
    assert 100 < affordable(params.evaluate, network(224, 128)).images_per_operation < 1000
    assert affordable(params.evaluate, network(512, 1024)).images_per_operation == 100


@pytest.mark.parametrize("asked", [0, 20])
def test_no_more_are_tried_than_are_asked_for(params: Params, asked: int) -> None:
    few = EvaluateConfig(batch_size=8, images_per_operation=asked)
    assert affordable(few, network(512, 1024)) == few
