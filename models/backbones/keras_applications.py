"""The backbones that Keras carries, by their names in `keras.applications`.

Their weights are downloaded by Keras (`imagenet`), or come from a file that somebody with a network has saved.
"""

import hashlib
import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras

from dataprep.core.artifacts import read_bytes
from dataprep.core.errors import ArtifactError, in_short
from models.layers.features import Pretrained, weights_hash
from models.layers.keras_file import check_finite, load_saved

_SCALED_BY_NAME = "efficientnet"
"""The module whose networks have one layer more with the weights `imagenet`; a file of weights alone does not say so."""


def application_names() -> list[str]:
    """The backbones that this version of Keras carries.

    >>> {"ConvNeXtTiny", "MobileNetV3Small", "ResNet50"} <= set(application_names())
    True
    """
    return sorted(name for name, found in vars(keras.applications).items() if inspect.isfunction(found))


def download_application(name: str, side: int) -> Pretrained:
    """Builds a backbone of Keras with the weights that Keras downloads, trained on ImageNet.

    It takes (N, side, side, 3) levels of 0 to 255 and gives (N, F) float32 features; its own preprocessing is part of it.

    Args:
        name: in `keras.applications`.
        side: height and width of the images; each backbone has a least one.

    Raises:
        ArtifactError: it does not take such images, or the weights cannot be downloaded.
    """
    core = _downloaded(name, side)
    return Pretrained(_with_preprocessing(name, core, side), f"keras.applications.{name}, imagenet", weights_hash(core))


def read_application(name: str, path: Path, side: int) -> Pretrained:
    """Builds a backbone of Keras with weights from a file, as `download_application` does.

    Args:
        name: in `keras.applications`.
        path: of a `.keras` file (the backbone, saved without its classifier) or of a `.weights.h5` file (its weights alone).
        side: height and width of the images.

    Raises:
        ArtifactError: it does not take such images, or the file is missing or holds others.
    """
    core, sha256 = _from_file(name, path, side)
    return Pretrained(_with_preprocessing(name, core, side), path.name, sha256)


def _with_preprocessing(name: str, core: keras.Model, side: int) -> keras.Model:
    inputs = keras.Input((side, side, 3), name="levels")
    return keras.Model(inputs, core(preprocessing(name)(inputs), training=False), name=name.lower())


def preprocessing(name: str) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
    """What Keras makes of levels of 0 to 255 before they enter a backbone."""
    found: Callable[[keras.KerasTensor], keras.KerasTensor] = getattr(keras.applications, _module_name(name)).preprocess_input
    return found


def _module_name(name: str) -> str:
    """The module of `keras.applications` that a backbone is from; some stand in none of these by their own name."""
    module: str = getattr(keras.applications, name).__module__
    return module.rpartition(".")[2]


def _untrained(name: str, side: int, weights: str | None = None) -> keras.Model:
    build = getattr(keras.applications, name)
    try:
        return build(include_top=False, weights=weights, input_shape=(side, side, 3), pooling="avg")
    except ValueError as error:  # too small, as a rule
        raise ArtifactError(
            f"model.network: {name} does not take images of {side} x {side} ({in_short(error)}). Enlarge image_side"
        ) from error


def _downloaded(name: str, side: int) -> keras.Model:
    try:
        return _untrained(name, side, "imagenet")
    except ArtifactError:
        raise
    except Exception as error:  # Keras raises this class itself
        raise ArtifactError(
            f"model.network: the weights of {name} cannot be downloaded ({in_short(error)}). Where there is a network, run: "
            f"python -c 'import keras; keras.applications.{name}(include_top=False).save(\"{name}.keras\")'; "
            f"put the file into saved_networks/ here, and set model.network.weights to {name}.keras"
        ) from error


def _from_file(name: str, path: Path, side: int) -> tuple[keras.Model, str]:
    try:
        sha256 = hashlib.sha256(read_bytes(path)).hexdigest()
    except FileNotFoundError as error:
        raise _file_fault(path, "is missing") from error
    network, fault = _untrained(name, side), partial(_file_fault, path)
    if path.suffix == ".h5":
        if _module_name(name) == _SCALED_BY_NAME:
            raise _file_fault(path, f"must be a .keras file for {name}: its weights alone do not say how images are scaled")
        try:
            network.load_weights(path)
        except Exception as error:  # a doctored file fails in many classes
            raise _file_fault(path, f"must hold the weights of {name} without its classifier ({in_short(error)})") from error
        check_finite(network.get_weights(), fault)
        return network, sha256
    saved = load_saved(path, fault, lambda _: None)  # shapes are compared with those of the backbone's weights
    shapes = [weight.shape for weight in network.weights]
    if [weight.shape for weight in saved.weights] != shapes or saved.input_shape[-1:] != (3,):
        raise _file_fault(path, f"must be {name}, saved with include_top=False; it is another network")
    if len(saved.output_shape) == 4:
        saved = keras.Model(saved.input, keras.layers.GlobalAveragePooling2D(name="pooling")(saved.output))
    return saved, sha256


def _file_fault(path: Path, what: str) -> ArtifactError:
    return ArtifactError(f"{path} {what}. Put it there, or correct model.network.weights")
