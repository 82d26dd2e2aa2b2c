"""What stands before and behind the layers of a kind."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from dataprep.core.errors import ParamsError
from models.layers.memory_estimate import layer_sizes
from models.train.model_bytes import encode_model
from models.train.objectives import objective_of
from pipelines.parameters.params import Params
from tests.models.networks.building import SHAPE, build, images, model_of

PERCEPTRON: dict[str, object] = {"kind": "perceptron"}


def test_input_noise_is_there_in_training_only(params: Params) -> None:
    network = build(params, PERCEPTRON, input_noise=0.9)
    still, again = (np.asarray(network(images(), training=False)) for _ in range(2))
    assert np.array_equal(still, again)
    noisy, other = (np.asarray(network(images(), training=True)) for _ in range(2))
    assert not np.array_equal(noisy, still)
    assert not np.array_equal(noisy, other)


def test_a_sigmoid_head_judges_each_class_by_itself(params: Params) -> None:
    probabilities = build(params, PERCEPTRON, head="sigmoid").predict_on_batch(images())
    assert probabilities.min() > 0
    assert probabilities.max() < 1
    assert np.abs(probabilities.sum(axis=1) - 1).max() > 0.1


def test_a_binary_head_has_one_output_and_a_probability_for_each_of_two_classes(params: Params, tmp_path: Path) -> None:
    network = build(params, PERCEPTRON, head="binary", num_classes=2)
    assert network.get_layer("logit").output.shape == (None, 1)
    probabilities = np.asarray(network(images()))
    assert probabilities.shape == (12, 2)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    logits = np.asarray(keras.Model(network.input, network.get_layer("logit").output)(images()))[:, 0]
    assert np.allclose(probabilities[:, 1], 1 / (1 + np.exp(-logits)), atol=1e-6)
    objective = objective_of(model_of(params, PERCEPTRON, head="binary"), params.train.loss)
    network.compile(optimizer="adam", loss=objective.loss, metrics=[objective.accuracy])
    labels = np.arange(12) % 2
    loss, _ = network.train_on_batch(images(), np.eye(2, dtype=np.float32)[labels])
    of_one_output = keras.losses.BinaryCrossentropy(from_logits=True)(labels[:, None], logits[:, None])
    assert float(loss) == pytest.approx(float(of_one_output), rel=1e-5)
    (tmp_path / "model.keras").write_bytes(encode_model(network, recipe={}))
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert np.array_equal(loaded(images()), network(images()))
    sizes = layer_sizes(model_of(params, PERCEPTRON, head="binary"), SHAPE)
    assert sum(size.weights for size in sizes) == 8 * 6 * 3 + 1


def test_a_binary_head_is_for_two_classes(params: Params) -> None:
    with pytest.raises(
        ParamsError, match=r"^params.yaml: model.head 'binary' is for two classes; there are 4\. Set model.head to"
    ):
        build(params, PERCEPTRON, head="binary")


def normalised(method: str, x: np.ndarray) -> np.ndarray:
    """What the first layers promise, in numpy."""
    formulas = {"standard": (x - 100) / 50, "scale": x / 255, "log": np.log1p(x) / np.log(256), "none": x}
    return np.asarray(formulas[method])


@pytest.mark.parametrize("per_pixel", [False, True])
@pytest.mark.parametrize("method", ["standard", "scale", "log", "none"])
def test_the_first_layers_normalise_uint8(params: Params, per_pixel: bool, method: str) -> None:
    network = build(params, PERCEPTRON, normalise={"method": method}, per_pixel=per_pixel)
    assert network.input.dtype == "uint8"
    names = [layer.name for layer in network.layers]
    first = keras.Model(network.input, network.layers[names.index("flatten") - 1].output)
    got = first.predict_on_batch(images())
    assert got.dtype == np.float32
    assert np.allclose(got, normalised(method, images().astype(float)), rtol=1e-6, atol=1e-5)


LOAD_ALONE = """
import sys
import keras, numpy as np
assert not [name for name in sys.modules if name.split(".")[0] in ("dataprep", "models", "pipelines")]
images = np.load(sys.argv[1])
for path in sys.argv[2:]:
    np.save(path + ".npy", keras.models.load_model(path, safe_mode=True).predict_on_batch(images))
"""


def test_a_model_file_loads_in_safe_mode_without_this_project(params: Params, tmp_path: Path) -> None:
    files = {}
    for method in ("standard", "scale", "log", "none"):
        network = build(params, params.model.network.model_dump(), normalise={"method": method})
        files[str(tmp_path / f"{method}.keras")] = network.predict_on_batch(images())
        network.save(tmp_path / f"{method}.keras")
        assert "Lambda" not in network.to_json()
    np.save(tmp_path / "images.npy", images())
    # Isolated: neither this folder nor PYTHONPATH is searched.
    command = [sys.executable, "-I", "-c", LOAD_ALONE, str(tmp_path / "images.npy"), *files]
    subprocess.run(command, cwd=tmp_path, check=True)
    for path, probabilities in files.items():
        assert np.allclose(np.load(path + ".npy"), probabilities, rtol=1e-6, atol=1e-7)
