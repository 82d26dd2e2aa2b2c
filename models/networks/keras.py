"""A network of your own that Keras saved, with its head."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from dataprep.core.errors import ArtifactError
from models.config.network_kinds import SAVED_NETWORKS, NetworkConfig, SavedNetwork
from models.layers.build_context import Context
from models.layers.keras_file import Fault, Shapes, load_saved

if TYPE_CHECKING:
    import keras

_TRIED = 8
"""Images on which the network is tried before it is trained."""

_ROUNDING = 1e-3


class Keras(NetworkConfig):
    """The name of a file that `keras.Model.save` wrote: a network as it is built, or trained elsewhere."""

    gives_probabilities: ClassVar[bool] = True

    kind: Literal["keras"]
    file: SavedNetwork


def build(config: Keras, inputs: "keras.KerasTensor", context: Context) -> "keras.KerasTensor":
    """(N, H, W, C) to (N, num_classes), by the layers of the file with the weights that it holds.

    Raises:
        ArtifactError: the file is missing or damaged, would need code to be run, takes other images or gives no probabilities.
    """
    path = SAVED_NETWORKS / config.file
    fault = partial(_fault, path)
    check_shapes = partial(_check_shapes, image=inputs.shape[1:], num_classes=context.num_classes, fault=fault)
    network = load_saved(path, fault, check_shapes)
    _check_probabilities(network, inputs.shape[1:], context, fault)
    network.name = "saved_network"  # or it might be the name of another layer
    return network(inputs)


def _check_shapes(shapes: Shapes, *, image: tuple[int, ...], num_classes: int, fault: Fault) -> None:
    takes, gives = shapes
    fits = (
        isinstance(takes, tuple)
        and len(takes) == 4
        and all(side in (None, own) for side, own in zip(takes[1:], image, strict=True))
    )
    if not fits or takes[0] is not None or gives != (None, num_classes):
        raise fault(
            f"must take {(None, *image)} and give {(None, num_classes)}, one probability for each class; it takes {takes} and "
            f"gives {gives}"
        )


def _check_probabilities(network: "keras.Model", image: tuple[int, ...], context: Context, fault: Fault) -> None:
    """Tries it on normalised noise."""
    import numpy as np

    if (takes := network.inputs[0].dtype) != "float32":
        raise fault(f"must take float32, since model.normalise stands before it; it takes {takes}")
    noise = np.random.default_rng(0).standard_normal((_TRIED, *image), dtype=np.float32)
    given = np.asarray(network(noise, training=False))
    sums = given.sum(axis=1)
    if not ((given >= 0) & (given <= 1 + _ROUNDING)).all():
        raise fault(f"must give probabilities for model.head {context.head!r}; it gives {given.min():.3g} to {given.max():.3g}")
    if context.head != "sigmoid" and not np.allclose(sums, 1, atol=_ROUNDING):
        raise fault(
            f"must give probabilities that sum to 1, for model.head {context.head!r}; they sum to {sums.min():.3g} to "
            f"{sums.max():.3g}"
        )


def _fault(path: Path, what: str) -> ArtifactError:
    return ArtifactError(f"{path} {what}. Save the network there with keras.Model.save, or correct model.network.file")
