"""A classifier on the code of a trained autoencoder, for few labelled images beside many without labels."""

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from dataprep.core.artifacts import read_bytes
from dataprep.core.errors import ArtifactError
from models.config.network_kinds import SAVED_NETWORKS, Layers, NetworkConfig, Rate, SavedNetwork
from models.layers.autoencoder_lookup import autoencoder_of, encoder_of
from models.layers.blocks import dense_layers
from models.layers.build_context import Context
from models.layers.features import Pretrained, frozen_features, trained_features
from models.layers.keras_file import Fault, Shapes, load_saved

if TYPE_CHECKING:
    import keras


class EncoderClassifier(NetworkConfig):
    """The model file of a network of kind autoencoder, whether its encoder is trained on, and the layers behind it."""

    takes_gray_levels: ClassVar[bool] = True

    kind: Literal["encoder_classifier"]
    file: SavedNetwork
    frozen: bool
    dense_units: Layers
    dropout: Rate


def build(config: EncoderClassifier, inputs: "keras.KerasTensor", context: Context) -> "keras.KerasTensor":
    """(N, H, W, C) levels of 0 to 255 to (N, D): the code, or the outputs of the last hidden layer.

    Raises:
        ArtifactError: the file is missing or damaged, would need code to be run, or holds another network.
    """
    pretrained = _read_encoder(SAVED_NETWORKS / config.file, inputs.shape[1:])
    features = (frozen_features if config.frozen else trained_features)(inputs, pretrained)
    return dense_layers(features, config.dense_units, context, dropout=config.dropout, batch_normalisation=False, noise=0.0)


def _read_encoder(path: Path, image: tuple[int, ...]) -> Pretrained:
    fault = partial(_fault, path)
    network = load_saved(path, fault, partial(_check_shapes, image=image, fault=fault))
    autoencoder = autoencoder_of(network)
    if autoencoder is None:
        raise fault("must be a network of kind autoencoder; it is another")
    return Pretrained(encoder_of(autoencoder), path.name, hashlib.sha256(read_bytes(path)).hexdigest())


def _check_shapes(shapes: Shapes, *, image: tuple[int, ...], fault: Fault) -> None:
    if shapes[0] != (None, *image):
        raise fault(f"must take {(None, *image)}, the prepared images; it takes {shapes[0]}")


def _fault(path: Path, what: str) -> ArtifactError:
    return ArtifactError(
        f"{path} {what}. Train one with model.network.kind autoencoder, copy artifacts/model.keras there, or correct "
        "model.network.file"
    )
