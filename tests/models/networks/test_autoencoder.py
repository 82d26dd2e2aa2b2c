from pathlib import Path

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from models.evaluate.predict import denoiser_of
from models.layers.autoencoder_lookup import AUTOENCODER, NOISE, autoencoder_of
from models.layers.memory_estimate import check_memory, layer_sizes
from models.networks.autoencoder import Autoencoder
from pipelines.parameters.params import Params
from tests.models.networks.building import build, images, model_of
from tests.models.test_networks_page import DENOISING

KEYS: dict[str, object] = {"filters": [4], "kernel_size": 3, "batch_normalisation": True, "noise_std": 30.0}

VARIANTS: dict[str, dict[str, object]] = {
    "one stage": KEYS,
    "no batch normalisation": {**KEYS, "kernel_size": 5, "batch_normalisation": False},
}


def test_the_decoder_is_the_encoder_backwards(params: Params) -> None:
    settings = {"kind": "autoencoder", **KEYS, "filters": [4, 6]}
    network = build(params, settings, shape=(8, 12, 3))
    autoencoder = network.get_layer(AUTOENCODER)
    assert autoencoder.output_shape == [(None, 2, 3, 6), (None, 8, 12, 3)]
    convolutions = [layer for layer in autoencoder.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [4, 6, 4, 3]
    sizes = layer_sizes(model_of(params, settings), (8, 12, 3), num_classes=4)
    assert sum(size.weights for size in sizes) == network.count_params()


def test_noise_comes_in_training_only_and_leaves_no_level_beyond_black_and_white(params: Params) -> None:
    autoencoder = build(params, {"kind": "autoencoder", **KEYS, "noise_std": 255.0}).get_layer(AUTOENCODER)
    noisy = keras.Model(autoencoder.input, autoencoder.get_layer("clipped").output)
    assert np.allclose(noisy(images()), images() / 255, atol=1e-6)
    levels = np.asarray(noisy(images(), training=True))
    assert (levels.min(), levels.max()) == (0, 1)
    assert np.abs(levels - images() / 255).mean() > 0.2


def test_a_model_file_removes_noise_as_well_as_the_page_says(params: Params, folder: Path) -> None:
    network = build(params, {"kind": "autoencoder", **KEYS})
    path = folder.parent / "artifacts/model.keras"
    path.parent.mkdir()
    network.save(path)
    denoiser = denoiser_of(keras.models.load_model(path, safe_mode=True))
    assert denoiser
    clean = denoiser.denoise(images())
    assert np.array_equal(clean, network.get_layer(AUTOENCODER).predict_on_batch(images())[1])
    names = {"images": images()}
    exec(DENOISING, names)
    assert np.array_equal(names["clean"], clean)
    assert clean.shape == (12, 8, 6, 3)
    assert clean.dtype == np.float32
    assert denoiser.noise_std == 30.0
    assert denoiser_of(build(params, {"kind": "perceptron"})) is None


def test_a_layer_that_is_merely_called_so_is_no_autoencoder() -> None:
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name=NOISE)], name=AUTOENCODER)
    assert autoencoder_of(keras.Sequential([keras.Input((4,)), inner])) is None
    assert autoencoder_of(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name=AUTOENCODER)])) is None


@pytest.mark.parametrize(("shape", "most"), [((28, 28, 1), 2), ((28, 30, 1), 1), ((27, 28, 1), 0)])
def test_images_that_cannot_be_halved_so_often_are_refused(params: Params, shape: tuple[int, int, int], most: int) -> None:
    deep = model_of(params, {"kind": "autoencoder", **KEYS, "filters": [4] * 3})
    with pytest.raises(
        ValueError, match=rf"^model.network.filters must have at most {most} stages, .* got 3\. .* multiples of 8$"
    ):
        check_memory(deep, shape, train_batch=1, evaluate_batch=1)


@pytest.mark.parametrize("changes", [{"noise_std": 0.5}, {"noise_std": 256.0}, {"filters": []}, {"kernel_size": 4}])
def test_settings_that_make_no_sense_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Autoencoder.model_validate({"kind": "autoencoder", **KEYS, **changes})
