import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from dataprep.core.errors import ArtifactError
from pipelines.parameters.params import Params
from tests.models.networks.building import SHAPE, build, images, model_of

KERAS: dict[str, object] = {"kind": "keras", "file": "own.keras"}

VARIANTS: dict[str, dict[str, object]] = {"a classifier": {"file": "mine.keras"}}


def own(*layers: keras.layers.Layer, shape: tuple[int | None, ...] = SHAPE, dtype: str = "float32") -> keras.Model:
    return keras.Sequential([keras.Input(shape, dtype=dtype), *layers])


def dense(activation: str | None = "softmax", units: int = 4) -> keras.layers.Layer:
    return keras.layers.Dense(units, activation)


def write_files(shape: tuple[int, int, int]) -> None:
    """What the settings above name; a file that is there stays."""
    path = Path("saved_networks/mine.keras")
    if not path.is_file():
        flat, dropout = keras.layers.Flatten(), keras.layers.Dropout(0.2)
        own(flat, keras.layers.Dense(5, "relu"), dropout, dense(), shape=shape).save(path)


def test_it_starts_with_the_weights_of_the_file(params: Params, folder: Path) -> None:
    saved = own(keras.layers.Flatten(), dense())
    saved.save(folder / "own.keras")
    network = build(params, KERAS, normalise={"method": "scale"})
    assert np.allclose(network(images()), saved(images().astype(np.float32) / 255), atol=1e-6)


def test_sides_that_the_file_leaves_open_fit(params: Params, folder: Path) -> None:
    own(keras.layers.Conv2D(3, 3), keras.layers.GlobalMaxPooling2D(), dense(), shape=(None, None, 3)).save(folder / "own.keras")
    assert build(params, KERAS).output_shape == (None, 4)


def test_one_probability_for_each_class_fits_a_sigmoid_head(params: Params, folder: Path) -> None:
    own(keras.layers.Flatten(), dense("sigmoid")).save(folder / "own.keras")
    assert build(params, KERAS, head="sigmoid").output_shape == (None, 4)


WRONG: dict[str, tuple[Callable[[], keras.Model], str]] = {
    "other images": (
        lambda: own(keras.layers.Flatten(), dense(), shape=(28, 28, 1)),
        r"must take \(None, 8, 6, 3\) and give \(None, 4\), one probability for each class; it takes \(None, 28, 28, 1\) and",
    ),
    "other classes": (lambda: own(keras.layers.Flatten(), dense(units=10)), r"it takes .* and gives \(None, 10\)"),
    "no vector": (lambda: own(dense()), r"and gives \(None, 8, 6, 4\)"),
    "flat images": (lambda: own(dense(), shape=(144,)), r"it takes \(None, 144\)"),
    "two inputs": (
        lambda: keras.Model(
            inputs := [keras.Input(SHAPE), keras.Input(SHAPE)],
            dense()(keras.layers.Flatten()(keras.layers.Add()(inputs))),
        ),
        r"it takes \[\(None, 8, 6, 3\), \(None, 8, 6, 3\)\]",
    ),
    "a batch of its own": (
        lambda: keras.Sequential([keras.Input(batch_shape=(16, *SHAPE)), keras.layers.Flatten(), dense()]),
        r"it takes \(16, 8, 6, 3\)",
    ),
    "whole numbers": (
        lambda: own(keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), dense(), dtype="uint8"),
        "must take float32, since model.normalise stands before it; it takes uint8",
    ),
    "no probabilities": (
        lambda: own(keras.layers.Flatten(), dense(None)),
        "must give probabilities for model.head 'softmax'; it gives -",
    ),
    "no sum of 1": (
        lambda: own(keras.layers.Flatten(), dense("sigmoid")),
        "must give probabilities that sum to 1, for model.head 'softmax'; they sum to",
    ),
    "code": (
        lambda: own(keras.layers.Lambda(lambda x: x), keras.layers.Flatten(), dense()),
        "cannot be loaded as a Keras model",
    ),
}


@pytest.mark.parametrize(("make", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_network_that_does_not_fit_is_refused_in_one_line(
    params: Params, folder: Path, make: Callable[[], keras.Model], words: str
) -> None:
    make().save(folder / "own.keras")
    with pytest.raises(ArtifactError, match=rf"^saved_networks/own.keras .*{words}") as error:
        build(params, KERAS)
    assert str(error.value).endswith(". Save the network there with keras.Model.save, or correct model.network.file")
    assert "\n" not in str(error.value)


def enormous(content: bytes) -> bytes:
    config = json.loads(content)
    config["config"]["layers"][2]["config"]["units"] = 10**11
    for layer in config["config"]["layers"]:
        layer.pop("build_config", None)
    return json.dumps(config).encode()


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a missing file": (lambda path: path.unlink(), "is missing"),
    "half a file": (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), "cannot be loaded"),
    "no archive": (lambda path: path.write_bytes(b"weights"), "cannot be loaded"),
    "an HDF5 file": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(2000)), "cannot be loaded"),
    "another member": (
        lambda path: changed(path, {"code.py": b"print()"}),
        "must hold config.json, metadata.json, model.weights",
    ),
    "a packed archive": (lambda path: changed(path, {}, zipfile.ZIP_DEFLATED), "must be stored as it is"),
    "an enormous layer": (
        lambda path: changed(path, {"config.json": enormous(zipfile.ZipFile(path).read("config.json"))}),
        "must hold the weights of its layers; these have",
    ),
}


def changed(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path) as source:
        content = {name: source.read(name) for name in source.namelist()} | members
    with zipfile.ZipFile(path, "w", compression) as target:
        for name, value in content.items():
            target.writestr(name, value)


@pytest.mark.parametrize(("spoil", "words"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_in_one_line(
    params: Params, folder: Path, spoil: Callable[[Path], object], words: str
) -> None:
    own(keras.layers.Flatten(), dense(units=5), dense()).save(folder / "own.keras")
    spoil(folder / "own.keras")
    with pytest.raises(ArtifactError, match=rf"^saved_networks/own.keras .*{words}") as error:
        build(params, KERAS)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["mine.h5", "mine", "../mine.keras", "/tmp/mine.keras", "a/mine.keras", ".keras.py"])
def test_only_keras_files_of_the_folder_can_be_named(params: Params, name: str) -> None:
    with pytest.raises(ValueError, match=r"must be the name of a .keras file in saved_networks/, which DVC watches; got"):
        model_of(params, {"kind": "keras", "file": name})
