"""The estimate of what a network needs is what Keras builds."""

import keras
import pytest

from models.config.model import ModelConfig
from models.networks.network_size import check_memory, layer_sizes
from pipelines.params import Params
from tests.models.networks.test_cnn import VARIANTS, build


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_weights_and_values_are_those_of_the_network(params: Params, variant: dict[str, object]) -> None:
    network = build(params, variant)
    config = ModelConfig.model_validate({**params.model.model_dump(), **variant})
    sizes = layer_sizes(config, (8, 6, 3), num_classes=4)
    held = [layer for layer in network.layers if layer.name != "normalisation"]
    assert sum(size.weights for size in sizes) == sum(layer.count_params() for layer in held)
    assert {size.name for size in sizes} <= {layer.name for layer in network.layers}
    shapeless = (keras.layers.InputLayer, keras.layers.Flatten, keras.layers.Dropout, keras.layers.GaussianNoise)
    values = 0
    for layer in held:
        if not isinstance(layer, shapeless) and "log" not in layer.name and "scaled" not in layer.name:
            count = 1
            for side in layer.output.shape[1:]:
                count *= side
            values += count
    assert sum(size.values for size in sizes) == values + 8 * 6 * 3


def test_the_sum_names_the_largest_layer_and_what_to_reduce(params: Params) -> None:
    wide = params.model.model_copy(update={"dense_units": (10_000_000,)})
    with pytest.raises(ValueError, match=r"in dense_1\) x 16 bytes .* Reduce model.dense_units"):
        check_memory(wide, (16, 16, 1), train_batch=32, evaluate_batch=32)
    with pytest.raises(ValueError, match=r"= 106 GiB\. Reduce train.batch_size"):
        check_memory(params.model, (16, 16, 1), train_batch=350_000, evaluate_batch=32)
    with pytest.raises(ValueError, match=r"^evaluate.batch_size must need at most 64 GiB of memory; .* Reduce it"):
        check_memory(params.model, (16, 16, 1), train_batch=32, evaluate_batch=500_000)
