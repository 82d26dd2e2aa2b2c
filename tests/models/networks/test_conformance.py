"""What every kind of network does, whatever its settings: it takes prepared images, learns, and is saved as it is."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from models.config.network_kinds import NETWORKS, NetworkConfig
from models.train.model_bytes import encode_model
from models.train.reconstruction import in_training
from pipelines.parameters.params import Params
from tests.closure import ROOT, imported_names
from tests.models.networks.building import SHAPE, build, images, targets
from tests.models.networks.variants import VARIANTS

KINDS = pytest.mark.parametrize(
    "network", [next(found for found in VARIANTS.values() if found["kind"] == kind) for kind in NetworkConfig.kinds], ids=repr
)
EACH = pytest.mark.parametrize("network", VARIANTS.values(), ids=VARIANTS.keys())


def test_every_file_of_the_folder_is_a_kind_with_tests() -> None:
    files = {path.stem for path in NETWORKS.iterdir() if path.name not in ("__init__.py", "__pycache__")}
    assert set(NetworkConfig.kinds) == files
    assert {name.split(":")[0] for name in VARIANTS} == files
    assert {"cnn", "mlp", "perceptron", "resnet", "keras"} <= files


@EACH
@pytest.mark.parametrize("channels", [1, 3])
def test_images_come_in_and_probabilities_out(params: Params, network: dict[str, object], channels: int) -> None:
    shape = (8, 6, channels)
    probabilities = predicted(built(params, network, shape), shape)
    assert probabilities.shape == (12, 4)
    assert probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@EACH
def test_one_step_lowers_the_loss_on_its_batch(params: Params, network: dict[str, object]) -> None:
    model = build(params, network, normalise={"method": "none" if kind_of(network).takes_gray_levels else "standard"})
    loss = keras.losses.CategoricalCrossentropy()
    trained = in_training(model)
    trained.compile(optimizer=keras.optimizers.SGD(1e-2), loss=loss, run_eagerly=True)  # a graph for one step takes longer
    before = float(loss(targets(), predicted(model)))
    trained.train_on_batch(images(), targets())
    assert float(loss(targets(), predicted(model))) < before


@EACH
def test_a_saved_network_predicts_the_same(params: Params, network: dict[str, object], tmp_path: Path) -> None:
    model = built(params, network)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert np.array_equal(predicted(loaded), predicted(model))
    assert model.name == f"darkroom_{network['kind']}"


@KINDS
def test_the_same_seed_gives_the_same_bytes(params: Params, network: dict[str, object]) -> None:
    files = []
    for _ in range(2):
        model = build(params, network, l1=penalty_of(network), l2=penalty_of(network))
        for one in (model, trained := in_training(model)):
            one.compile(optimizer="adam", loss="categorical_crossentropy", run_eagerly=True)
        trained.train_on_batch(images(), targets())
        files.append(encode_model(model, recipe={}))
    assert files[0] == files[1]


@KINDS
def test_penalties_enter_the_loss(params: Params, network: dict[str, object]) -> None:
    if penalty_of(network):
        assert len(build(params, network, l2=0.01).losses) > 0
    else:
        with pytest.raises(ValueError, match=r"must have l1 and l2 0 for network.kind '.*', whose layers bring their own"):
            build(params, network, l2=0.01)
    assert (params.model.l1, params.model.l2) == (0.0, 0.0)
    assert built(params, network).losses == []


def test_settings_are_read_without_keras() -> None:
    kinds = [f"models.networks.{kind}" for kind in NetworkConfig.kinds]
    program = f"import sys, importlib\nfor kind in {kinds}: importlib.import_module(kind)\nprint('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True).stdout == "False\n"


def test_no_network_imports_another() -> None:
    for path in NETWORKS.glob("*.py"):
        assert not {name for name in imported_names(path) if name.startswith("models.networks")}, path


_BUILT: dict[str, keras.Model] = {}


def built(params: Params, network: dict[str, object], shape: tuple[int, int, int] = SHAPE) -> keras.Model:
    """The network with the project's own settings, for tests that only read it."""
    key = repr((network, shape))
    if key not in _BUILT:
        _BUILT[key] = build(params, network, shape=shape)
    return _BUILT[key]


def predicted(model: keras.Model, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return np.asarray(model(images(shape=shape), training=False))


def penalty_of(network: dict[str, object]) -> float:
    return 0.0 if kind_of(network).gives_probabilities else 0.01


def kind_of(network: dict[str, object]) -> type[NetworkConfig]:
    section = NetworkConfig.kinds[str(network["kind"])]
    assert issubclass(section, NetworkConfig)
    return section
