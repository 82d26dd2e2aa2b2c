"""The estimate of what a network needs is what Keras builds."""

from collections.abc import Iterator

import keras
import pytest

from models.config.network_kinds import NetworkConfig, network_module
from models.layers.memory_estimate import check_memory, layer_sizes
from pipelines.parameters.params import Params
from tests.models.networks.building import SHAPE, build, model_of
from tests.models.networks.variants import VARIANTS

SHAPELESS = (
    keras.layers.InputLayer,
    keras.layers.Flatten,
    keras.layers.Dropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
)


def has_sizes(kind: str) -> bool:
    return hasattr(network_module(kind), "sizes")


def leaves(network: keras.Model) -> Iterator[keras.Layer]:
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer


@pytest.mark.parametrize(
    ("variant", "method"),
    [
        *((variant, "standard") for variant in VARIANTS.values() if has_sizes(str(variant["kind"]))),
        *(({"kind": "perceptron"}, method) for method in ("scale", "log", "none")),
    ],
    ids=repr,
)
def test_weights_and_values_are_those_of_the_network(params: Params, variant: dict[str, object], method: str) -> None:
    section = NetworkConfig.kinds[str(variant["kind"])]
    normalise = {"method": "none" if getattr(section, "takes_gray_levels", False) else method}
    network = build(params, variant, normalise=normalise)
    sizes = layer_sizes(model_of(params, variant), SHAPE, num_classes=4)
    held = [layer for layer in leaves(network) if layer.name != "normalisation"]
    assert sum(size.weights for size in sizes) == sum(layer.count_params() for layer in held)
    assert {size.name for size in sizes} <= {layer.name for layer in leaves(network)}
    values = 0
    for layer in held:
        if not isinstance(layer, SHAPELESS) and layer.name not in ("log1p", "normalisation_scaled"):
            count = 1
            for side in layer.output.shape[1:]:
                count *= side
            values += count
    assert sum(size.values for size in sizes) == values + 8 * 6 * 3


def test_the_sum_names_the_largest_layer_and_what_to_reduce(params: Params) -> None:
    wide = model_of(params, {**params.model.network.model_dump(), "dense_units": [10_000_000]})
    with pytest.raises(ValueError, match=r"in dense_1\) x 16 bytes .* Reduce model.network.dense_units or prepare.image_size"):
        check_memory(wide, (16, 16, 1), train_batch=32, evaluate_batch=32)
    with pytest.raises(ValueError, match=r"= 106 GiB\. Reduce train.batch_size"):
        check_memory(params.model, (16, 16, 1), train_batch=350_000, evaluate_batch=32)
    with pytest.raises(ValueError, match=r"^evaluate.batch_size must need at most 64 GiB of memory; .* Reduce it"):
        check_memory(params.model, (16, 16, 1), train_batch=32, evaluate_batch=500_000)
    with pytest.raises(ValueError, match=r"in probabilities\) x 16 bytes .* Reduce prepare.image_size$"):
        check_memory(model_of(params, {"kind": "perceptron"}), (50_000, 50_000, 3), train_batch=1, evaluate_batch=32)
