import hashlib
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest

from dataprep.core.errors import ArtifactError
from models.backbones import keras_applications
from models.backbones.keras_applications import application_names, download_application, read_application
from models.layers.features import Pretrained

SIDE = 40
NAME = "MobileNetV2"


def levels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3)).astype(np.float32)


def made(name: str = NAME) -> keras.Model:
    """What somebody with a network saves; random weights stand for trained ones."""
    keras.utils.set_random_seed(7)
    return getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))


trained = cache(made)
"""For tests that only read it."""


def features_of(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """Layer by layer: a graph takes longer to trace than it saves."""
    return np.asarray(network(images, training=False))


def expected(network: keras.Model, name: str = NAME) -> np.ndarray:
    """Features by Keras alone: its preprocessing, its network, the mean over the image."""
    module = getattr(keras.applications, getattr(keras.applications, name).__module__.rpartition(".")[2])
    features = features_of(network, module.preprocess_input(levels().copy()))
    return features.mean((1, 2))  # type: ignore[no-any-return]  # numpy types a mean loosely


def check(found: Pretrained, wanted: np.ndarray, folder: Path) -> None:
    """The features are those, now and after saving and loading in safe mode."""
    features = features_of(found.network, levels())
    assert np.allclose(features, wanted, atol=1e-5)
    found.network.save(folder / "saved.keras")
    loaded = keras.models.load_model(folder / "saved.keras", safe_mode=True)
    assert np.array_equal(features_of(loaded, levels()), features)


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("MobileNetV2", ".keras"),
        ("MobileNetV2", ".weights.h5"),
        ("VGG16", ".weights.h5"),
        ("DenseNet121", ".keras"),
        ("MobileNetV3Small", ".weights.h5"),
    ],
)
def test_a_file_gives_the_features_that_keras_gives(name: str, ending: str, tmp_path: Path) -> None:
    """Each of Keras' ways to prepare images, by a small network: -1 to 1, BGR less means, less means over deviations, none."""
    network, path = trained(name), tmp_path / f"mine{ending}"
    (network.save if ending == ".keras" else network.save_weights)(path)
    found = read_application(name, path, SIDE)
    assert (found.source, found.sha256) == (path.name, hashlib.sha256(path.read_bytes()).hexdigest())
    check(found, expected(network, name), tmp_path)


def test_a_backbone_that_was_saved_with_its_pooling_is_the_same(tmp_path: Path) -> None:
    network = trained()
    keras.Model(network.input, keras.layers.GlobalAveragePooling2D()(network.output)).save(tmp_path / "mine.keras")
    check(read_application(NAME, tmp_path / "mine.keras", SIDE), expected(network), tmp_path)


def test_every_backbone_has_its_preprocessing() -> None:
    for name in application_names():
        assert keras_applications.preprocessing(name)(levels()).shape == (2, SIDE, SIDE, 3)


def test_what_keras_downloads_is_named_with_a_hash_of_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    original = keras.applications.MobileNetV2

    def MobileNetV2(*, weights: str | None, **arguments: object) -> keras.Model:  # noqa: N802  # the name of Keras
        assert weights == "imagenet"
        keras.utils.set_random_seed(7)
        return original(weights=None, **arguments)

    MobileNetV2.__module__ = original.__module__
    monkeypatch.setattr(keras.applications, NAME, MobileNetV2)
    one, two = (download_application(NAME, SIDE) for _ in range(2))
    assert one.source == "keras.applications.MobileNetV2, imagenet"
    assert one.sha256 == two.sha256
    assert len(one.sha256) == 64


def fault(name: str, path: Path) -> str:
    with pytest.raises(ArtifactError) as error:
        read_application(name, path, SIDE)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_failed_download_is_one_line_that_says_how_to_bring_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> keras.Model:
        raise Exception("URL fetch failure on https://...: None -- [Errno -3] Temporary failure in name resolution")  # noqa: TRY002

    fail.__module__ = keras.applications.ResNet50.__module__
    monkeypatch.setattr(keras.applications, "ResNet50", fail)
    with pytest.raises(ArtifactError) as error:
        download_application("ResNet50", SIDE)
    message = str(error.value)
    assert message.startswith("model.network: the weights of ResNet50 cannot be downloaded (Exception: URL fetch failure")
    assert message.endswith(
        "Where there is a network, run: python -c 'import keras; keras.applications.ResNet50(include_top=False).save("
        '"ResNet50.keras")\'; put the file into saved_networks/ here, and set model.network.weights to '
        "ResNet50.keras"
    )


def test_images_that_are_too_small_are_one_line() -> None:
    with pytest.raises(ArtifactError, match=r"^model\.network: Xception does not take images of 40 x 40 \(ValueError: "):
        download_application("Xception", 40)


def test_files_that_are_no_weights_of_this_backbone_are_one_line(tmp_path: Path) -> None:
    missing = tmp_path / "none.keras"
    assert fault(NAME, missing) == f"{missing} is missing. Put it there, or correct model.network.weights"
    (tmp_path / "broken.keras").write_bytes(b"PK")
    assert "cannot be loaded as a Keras model" in fault(NAME, tmp_path / "broken.keras")
    (tmp_path / "broken.weights.h5").write_bytes(b"HDF")
    assert "must hold the weights of MobileNetV2 without its classifier" in fault(NAME, tmp_path / "broken.weights.h5")
    other = trained("MobileNetV3Small")
    other.save(tmp_path / "other.keras")
    other.save_weights(tmp_path / "other.weights.h5")
    assert "must be MobileNetV2, saved with include_top=False; it is another network" in fault(NAME, tmp_path / "other.keras")
    assert "must hold the weights of MobileNetV2" in fault(NAME, tmp_path / "other.weights.h5")
    broken = made()
    broken.weights[0].assign(np.full(broken.weights[0].shape, np.nan))
    for ending, save in ((".keras", broken.save), (".weights.h5", broken.save_weights)):
        save(tmp_path / f"strange{ending}")
        message = fault(NAME, tmp_path / f"strange{ending}")
        assert "must have weights that are finite numbers; 1 of 260 arrays hold others. Put it there, or correct" in message


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    inputs = keras.Input((SIDE, SIDE, 3))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x)(inputs)).save(tmp_path / "hostile.keras")
    assert "cannot be loaded as a Keras model" in fault(NAME, tmp_path / "hostile.keras")


def test_weights_alone_of_a_network_that_keras_scales_by_their_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.weights.h5").touch()
    assert "must be a .keras file for EfficientNetB0" in fault("EfficientNetB0", tmp_path / "mine.weights.h5")
