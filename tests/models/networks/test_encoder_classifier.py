import hashlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import pytest

from dataprep.core.errors import ArtifactError
from models.layers.autoencoder_lookup import AUTOENCODER
from models.layers.features import FEATURES, source_of_weights
from pipelines.parameters.params import Params, read_params
from tests.closure import SHIPPED
from tests.models.networks.building import SHAPE, build, images

KEYS: dict[str, object] = {"file": "coder.keras", "frozen": False, "dense_units": [], "dropout": 0.0}

VARIANTS: dict[str, dict[str, object]] = {
    "trained on": KEYS,
    "frozen, a hidden layer": {**KEYS, "frozen": True, "dense_units": [8], "dropout": 0.2},
}

AUTOENCODER_KEYS: dict[str, object] = {
    "kind": "autoencoder",
    "filters": [4],
    "kernel_size": 3,
    "batch_normalisation": True,
    "noise_std": 30.0,
}


def write_files(shape: tuple[int, int, int]) -> None:
    """What the settings above name; a file that is there stays."""
    path = Path("saved_networks/coder.keras")
    if not path.is_file():
        path.write_bytes(coder(shape))


@cache
def coder(shape: tuple[int, int, int]) -> bytes:
    """The file of an autoencoder for images of that shape and other classes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "coder.keras"
        build(read_params(SHIPPED), AUTOENCODER_KEYS, shape=shape, num_classes=7).save(path)
        return path.read_bytes()


def own(params: Params, **changes: object) -> keras.Model:
    return build(params, {"kind": "encoder_classifier", **KEYS, **changes})


def test_the_head_sees_the_code_of_the_file(params: Params, folder: Path) -> None:
    network = own(params, frozen=True)
    autoencoder = keras.models.load_model(folder / "coder.keras", safe_mode=True).get_layer(AUTOENCODER)
    features = keras.Model(network.input, network.get_layer(FEATURES).output)
    code, _ = autoencoder(images())
    assert np.allclose(features(images()), np.asarray(code).reshape(12, -1), atol=1e-6)
    assert np.array_equal(features(images(), training=True), features(images(), training=False))  # without noise


def test_a_frozen_encoder_leaves_only_the_head_to_be_trained(params: Params) -> None:
    frozen, free = own(params, frozen=True), own(params, frozen=False)
    assert {weight.path.split("/")[0] for weight in frozen.trainable_weights} == {"probabilities"}
    assert len(free.trainable_weights) > len(frozen.trainable_weights)


@pytest.mark.parametrize("frozen", [False, True])
def test_it_says_where_its_weights_are_from(params: Params, folder: Path, frozen: bool) -> None:
    network = own(params, frozen=frozen)
    sha256 = hashlib.sha256((folder / "coder.keras").read_bytes()).hexdigest()
    assert source_of_weights(network) == {"pretrained": {"source": "coder.keras", "sha256": sha256}}


OTHERS: dict[str, tuple[dict[str, object], tuple[int, int, int], str]] = {
    "another network": ({"kind": "perceptron"}, SHAPE, "must be a network of kind autoencoder; it is another"),
    "other images": (AUTOENCODER_KEYS, (8, 8, 3), r"must take \(None, 8, 6, 3\), the prepared images; it takes"),
}


@pytest.mark.parametrize(("settings", "shape", "words"), OTHERS.values(), ids=OTHERS.keys())
def test_another_network_is_refused_in_one_line(
    params: Params, folder: Path, settings: dict[str, object], shape: tuple[int, int, int], words: str
) -> None:
    build(params, settings, shape=shape).save(folder / "coder.keras")
    with pytest.raises(ArtifactError, match=rf"^saved_networks/coder.keras {words}") as error:
        own(params)
    assert str(error.value).endswith("copy artifacts/model.keras there, or correct model.network.file")
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_network_is_refused_in_one_line(params: Params, folder: Path) -> None:
    (folder / "coder.keras").write_bytes(b"weights")
    with pytest.raises(ArtifactError, match=r"^saved_networks/coder.keras cannot be loaded as a Keras model .*\. Train one"):
        own(params)
