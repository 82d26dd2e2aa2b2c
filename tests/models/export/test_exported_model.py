import importlib.util
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from dataprep.core.errors import ArtifactError, DarkroomError
from models.evaluate.predict import Classifier
from models.export import exported_model
from models.export.exported_model import NAMES, TOLERANCE, ModelFormat, export_model, need_converter

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 8, 8, 1), dtype=np.uint8)
RECIPE: dict[str, object] = {"version": 2, "class_names": ["a", "<b>", "é"]}


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    keras.utils.set_random_seed(0)
    taken = keras.Input((8, 8, 1), dtype="uint8")
    scaled = keras.layers.Rescaling(1 / 255)(taken)
    hidden = keras.layers.Flatten()(keras.layers.Conv2D(4, 3, activation="relu")(scaled))
    return Classifier(keras.Model(taken, keras.layers.Dense(3, activation="softmax")(hidden)), None, None)


@pytest.mark.parametrize("form", ["savedmodel", "tflite"])
def test_an_exported_network_gives_the_same_probabilities(form: ModelFormat, classifier: Classifier, tmp_path: Path) -> None:
    folder = tmp_path / "export" / form
    difference = export_model(classifier, RECIPE, IMAGES, form=form, folder=folder)
    assert difference <= TOLERANCE
    assert sorted(path.name for path in folder.iterdir()) == sorted([NAMES[form], "recipe.json"])
    assert json.loads((folder / "recipe.json").read_text(encoding="utf-8")) == RECIPE
    again = exported_model._LOAD[form](folder / NAMES[form])
    assert np.abs(again(IMAGES[:2]) - classifier.predict_on_batch(IMAGES[:2])).max() <= TOLERANCE
    with pytest.raises(DarkroomError, match="is there already, and is not overwritten"):
        export_model(classifier, RECIPE, IMAGES, form=form, folder=folder)


def test_other_probabilities_leave_nothing_behind(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given, words in ((np.zeros((7, 3), np.float32), "differ by up to"), (np.full((7, 3), np.nan), "differ by up to nan")):
        monkeypatch.setitem(exported_model._LOAD, "savedmodel", lambda _, given=given: lambda _: given)  # type: ignore[misc]
        with pytest.raises(ArtifactError, match=words):
            export_model(classifier, RECIPE, IMAGES, form="savedmodel", folder=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_converter_that_fails_is_one_line(classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(network: keras.Model, path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("no such operation\nat all")

    monkeypatch.setitem(exported_model._CONVERT, "tflite", fail)
    with pytest.raises(
        ArtifactError, match=r"^the network cannot be exported as tflite \(RuntimeError: no such operation at all\)"
    ):
        export_model(classifier, RECIPE, IMAGES, form="tflite", folder=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_converter_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)
    with pytest.raises(DarkroomError, match=r"Run: pip install tf2onnx onnxruntime$"):
        need_converter("onnx")
    need_converter("savedmodel")
