from pipelines.parameters.params import Params
from tests.models.networks.building import build

VARIANTS: dict[str, dict[str, object]] = {"the head on pixels": {}}


def test_it_has_one_layer_of_weights(params: Params) -> None:
    network = build(params, {"kind": "perceptron"}, normalise={"method": "scale"})
    assert [weight.shape for weight in network.get_weights()] == [(8 * 6 * 3, 4), (4,)]
