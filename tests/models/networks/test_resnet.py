import keras
import pytest

from models.layers.memory_estimate import check_memory
from pipelines.parameters.params import Params
from tests.models.networks.building import build, model_of

RESNET: dict[str, object] = {
    "filters": [4, 6],
    "blocks": 1,
    "dropout": 0.0,
    "batch_normalisation": True,
    "noise": 0.0,
}

VARIANTS: dict[str, dict[str, object]] = {
    "two stages": RESNET,
    "one stage of three blocks": {**RESNET, "filters": [4], "blocks": 3},
    "stages of one width": {**RESNET, "filters": [4, 4, 4], "dropout": 0.2},
    "no batch normalisation, noise": {**RESNET, "batch_normalisation": False, "noise": 0.1},
}


def test_depth_and_width_are_those_of_the_paper(params: Params) -> None:
    network = build(params, {"kind": "resnet", **RESNET, "filters": [16, 32, 64], "blocks": 3}, shape=(32, 32, 3))
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (3, 3)]
    assert len(convolutions) + 1 == 20  # the head is the last of them
    assert network.get_layer("stage_3_block_3_relu").output.shape == (None, 8, 8, 64)
    assert 270_000 < network.count_params() < 280_000  # 0.27 million


def test_an_identity_goes_past_each_block(params: Params) -> None:
    network = build(params, {"kind": "resnet", **RESNET, "blocks": 2})
    sources = [layer._inbound_nodes[0].input_tensors[1] for layer in network.layers if layer.name.endswith("_sum")]
    assert [tensor._keras_history.operation.name for tensor in sources] == [
        "convolution_relu",
        "stage_1_block_1_relu",
        "stage_2_block_1_shortcut_normalised",
        "stage_2_block_1_relu",
    ]


def test_more_stages_than_the_images_have_halves_are_refused(params: Params) -> None:
    deep = model_of(params, {"kind": "resnet", **RESNET, "filters": [4] * 6})
    with pytest.raises(
        ValueError, match=r"^model.network.filters must have at most 5 stages, .* \[16, 20\]; got 6\. Remove stages"
    ):
        check_memory(deep, (16, 20, 1), train_batch=1, evaluate_batch=1)
