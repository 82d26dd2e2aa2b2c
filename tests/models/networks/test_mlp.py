import pytest

from pipelines.parameters.params import Params
from tests.models.networks.building import build

MLP: dict[str, object] = {"dense_units": [8], "dropout": 0.3, "batch_normalisation": True, "noise": 0.0}

VARIANTS: dict[str, dict[str, object]] = {
    "one hidden layer": MLP,
    "three, no batch normalisation, no dropout": {
        **MLP,
        "dense_units": [8, 6, 5],
        "batch_normalisation": False,
        "dropout": 0.0,
    },
    "none": {**MLP, "dense_units": []},
    "noise between layers": {**MLP, "noise": 0.1},
}


@pytest.mark.parametrize("units", [[8], [8, 6, 5]])
def test_there_is_a_layer_for_each_number(params: Params, units: list[int]) -> None:
    network = build(params, {"kind": "mlp", **MLP, "dense_units": units})
    assert [network.get_layer(f"dense_{number}").units for number in range(1, len(units) + 1)] == units
