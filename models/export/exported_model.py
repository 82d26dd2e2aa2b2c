"""A trained network in the formats of other runtimes, checked against the original on images of the project."""

import importlib.util
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dataprep.core.errors import ArtifactError, DarkroomError, in_short
from dataprep.decode.image import Pixels
from models.export.atomic_folder import atomic_folder

if TYPE_CHECKING:
    import keras

    from models.evaluate.predict import Classifier

ModelFormat: TypeAlias = Literal["savedmodel", "onnx", "tflite"]

TOLERANCE = 1e-4
"""Between the probabilities of an exported network and those of the original."""

NAMES: dict[ModelFormat, str] = {"savedmodel": "saved_model", "onnx": "model.onnx", "tflite": "model.tflite"}
"""The file, or folder, that each format becomes."""

RECIPE_NAME = "recipe.json"

Run: TypeAlias = Callable[[Pixels], NDArray[np.float32]]
"""(N, H, W, C) uint8 to probabilities (N, num_classes)."""

_NEEDED: dict[ModelFormat, dict[str, str]] = {
    "savedmodel": {},
    "onnx": {"tf2onnx": "tf2onnx", "onnxruntime": "onnxruntime"},
    "tflite": {},
}
"""Modules that a format needs beside TensorFlow, and the packages that have them."""


def need_converter(form: ModelFormat) -> None:
    """Refuses a format whose converter, or whose runtime for the check, is not installed.

    Raises:
        DarkroomError: with the command that installs it.
    """
    lacking = [package for module, package in _NEEDED[form].items() if importlib.util.find_spec(module) is None]
    if lacking:
        raise DarkroomError(
            f"--format {form} needs {' and '.join(lacking)}, which Darkroom does not bring along. Run: pip install "
            f"{' '.join(lacking)}"
        )


def export_model(
    classifier: "Classifier", recipe: dict[str, object], images: Pixels, *, form: ModelFormat, folder: Path
) -> float:
    """Exports a network, with its recipe beside it, and compares the two.

    Args:
        classifier: what the model file classifies with.
        recipe: what the model file says of its images: class names, decoding, preparation.
        images: (N, H, W, C) uint8, prepared, on which the two are compared; N at least 1.
        form: the format.
        folder: appears when all is done, and must not be there.

    Returns:
        The largest difference of a probability.

    Raises:
        DarkroomError: the folder is there, the converter is not installed, or trees classify.
        ArtifactError: the network cannot be converted, or gives other probabilities.
    """
    need_converter(form)
    if classifier.trees is not None:
        raise DarkroomError("the model's classes come from boosted trees, which these formats do not hold. Train with a head")
    with atomic_folder(folder) as unfinished:
        path = unfinished / NAMES[form]
        try:
            _CONVERT[form](classifier.network, path)
            given = _LOAD[form](path)(images)
        except Exception as error:  # of converters, of any class
            raise ArtifactError(f"the network cannot be exported as {form} ({in_short(error)}). Try another format") from error
        difference = float(np.abs(given - classifier.predict_on_batch(images)).max())
        if not difference <= TOLERANCE:  # nor where it is no number
            raise ArtifactError(
                f"the exported network must give the probabilities of the original within {TOLERANCE:g}; on {len(images)} "
                f"images they differ by up to {difference:.2g}. Try another format"
            )
        (unfinished / RECIPE_NAME).write_text(json.dumps(recipe, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return difference


def _to_saved_model(network: "keras.Model", path: Path) -> None:
    network.export(path, format="tf_saved_model", verbose=False)


def _to_onnx(network: "keras.Model", path: Path) -> None:
    network.export(path, format="onnx", verbose=False)


def _to_tflite(network: "keras.Model", path: Path) -> None:
    with _moving_interpreter():
        network.export(path, format="litert", verbose=False)


def _saved_model(path: Path) -> Run:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    return lambda images: np.asarray(loaded.serve(images))


def _onnx(path: Path) -> Run:
    import onnxruntime  # type: ignore[import-not-found,unused-ignore]  # not brought along

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: np.asarray(session.run(None, {name: images})[0])


def _tflite(path: Path) -> Run:
    import tensorflow as tf

    with _moving_interpreter():
        interpreter = tf.lite.Interpreter(model_path=str(path))
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(images: Pixels) -> NDArray[np.float32]:
        interpreter.resize_tensor_input(taken["index"], images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(taken["index"], images.astype(taken["dtype"]))
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(given["index"]))

    return run


@contextmanager
def _moving_interpreter() -> Iterator[None]:
    """Keeps quiet that the interpreter of TensorFlow moves to a package of its own, ai_edge_litert."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


_CONVERT: dict[ModelFormat, Callable[["keras.Model", Path], None]] = {
    "savedmodel": _to_saved_model,
    "onnx": _to_onnx,
    "tflite": _to_tflite,
}
_LOAD: dict[ModelFormat, Callable[[Path], Run]] = {"savedmodel": _saved_model, "onnx": _onnx, "tflite": _tflite}
