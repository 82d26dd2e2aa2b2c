"""One conformance suite: whatever the configuration says, the network takes prepared images and learns."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from models.config.model import ModelConfig
from models.networks.cnn import build_cnn
from pipelines.params import Params

VARIANTS: dict[str, dict[str, object]] = {
    "as in params.yaml": {},
    "dense": {"filters": (), "dense_units": (8,)},
    "no dense layer": {"filters": (4,), "dense_units": ()},
    "average pooling, large kernel": {"filters": (4, 4), "pooling": "average", "kernel_size": 5},
    "penalties": {"filters": (4,), "l1": 0.01, "l2": 0.01},
    **{f"normalised by {method}": {"filters": (4,), "normalise": {"method": method}} for method in ("scale", "log", "none")},
    "noise at the input": {"filters": (4,), "input_noise": 0.5},
    "no batch normalisation, no dropout": {"filters": (4,), "batch_normalisation": False, "dropout": 0.0},
}


def build(
    params: Params, variant: dict[str, object], shape: tuple[int, int, int] = (8, 6, 3), *, per_pixel: bool = False
) -> keras.Model:
    config = ModelConfig.model_validate({**params.model.model_dump(), **variant})
    scale = shape if per_pixel else (1, 1, shape[2])
    mean, divisor = np.full(scale, 100, dtype=np.float32), np.full(scale, 50, dtype=np.float32)
    keras.utils.set_random_seed(0)
    return build_cnn(config, shape=shape, num_classes=4, mean=mean, divisor=divisor, momentum=0.9)


def images(count: int = 12) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 6, 3), dtype=np.uint8)


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_shape_one_training_step_save_and_load(params: Params, variant: dict[str, object], tmp_path: Path) -> None:
    network = build(params, variant)
    probabilities = network.predict_on_batch(images())
    assert probabilities.shape == (12, 4)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    before = [weight.copy() for weight in network.get_weights()]
    network.compile(optimizer="adam", loss="categorical_crossentropy")
    network.train_on_batch(images(), np.eye(4, dtype=np.float32)[np.arange(12) % 4])
    assert any(not np.array_equal(old, new) for old, new in zip(before, network.get_weights(), strict=True))
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert np.array_equal(loaded.predict_on_batch(images()), network.predict_on_batch(images()))


def test_input_noise_is_there_in_training_only(params: Params) -> None:
    network = build(params, {"filters": (4,), "input_noise": 0.9, "dropout": 0.0, "batch_normalisation": False})
    still, again = (np.asarray(network(images(), training=False)) for _ in range(2))
    assert np.array_equal(still, again)
    noisy, other = (np.asarray(network(images(), training=True)) for _ in range(2))
    assert not np.array_equal(noisy, still)
    assert not np.array_equal(noisy, other)


def test_a_sigmoid_head_judges_each_class_by_itself(params: Params) -> None:
    probabilities = build(params, {"filters": (4,), "head": "sigmoid"}).predict_on_batch(images())
    assert probabilities.min() > 0
    assert probabilities.max() < 1
    assert np.abs(probabilities.sum(axis=1) - 1).max() > 0.1


def normalised(method: str, x: np.ndarray) -> np.ndarray:
    """What the first layers promise, in numpy."""
    formulas = {"standard": (x - 100) / 50, "scale": x / 255, "log": np.log1p(x) / np.log(256), "none": x}
    return np.asarray(formulas[method])


@pytest.mark.parametrize("per_pixel", [False, True])
@pytest.mark.parametrize("method", ["standard", "scale", "log", "none"])
def test_the_first_layers_normalise_uint8(params: Params, per_pixel: bool, method: str) -> None:
    network = build(params, {"normalise": {"method": method}}, per_pixel=per_pixel)
    assert network.input.dtype == "uint8"
    names = [layer.name for layer in network.layers]
    first = keras.Model(network.input, network.layers[names.index("convolution_1") - 1].output)
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
        network = build(params, {"normalise": {"method": method}})
        files[str(tmp_path / f"{method}.keras")] = network.predict_on_batch(images())
        network.save(tmp_path / f"{method}.keras")
        assert "Lambda" not in network.to_json()
    np.save(tmp_path / "images.npy", images())
    # Isolated: neither this folder nor PYTHONPATH is searched.
    command = [sys.executable, "-I", "-c", LOAD_ALONE, str(tmp_path / "images.npy"), *files]
    subprocess.run(command, cwd=tmp_path, check=True)
    for path, probabilities in files.items():
        assert np.allclose(np.load(path + ".npy"), probabilities, rtol=1e-6, atol=1e-7)


def test_penalties_enter_the_loss(params: Params) -> None:
    assert len(build(params, {"l2": 0.01}).losses) > 0
    assert build(params, {"l1": 0.0, "l2": 0.0}).losses == []
