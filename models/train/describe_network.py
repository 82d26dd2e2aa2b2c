"""Describes a trained network for people (`models.train.network_sheet`)."""

import math
import platform
from importlib.metadata import version

import keras
from pydantic import BaseModel

from models.layers.features import source_of_weights
from models.train.keras_environment import Environment
from models.train.network_sheet import Layer, NetworkSheet

_LIBRARIES = ("tensorflow", "keras", "numpy")


def describe_network(network: keras.Model, environment: Environment, **sections: BaseModel) -> NetworkSheet:
    """Lists its layers, and what made it.

    Args:
        network: trained.
        environment: in which.
        sections: of params.yaml, by name.
    """
    return NetworkSheet(
        layers=[_describe(layer) for layer in network.layers],
        versions={"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        environment=environment.model_dump(mode="json"),
        settings={name: section.model_dump(mode="json") for name, section in sections.items()},
        pretrained=source_of_weights(network).get("pretrained", {}),
    )


def _describe(layer: keras.Layer) -> Layer:
    shape = getattr(layer.output, "shape", None)  # a list of arrays has none
    return Layer(
        name=layer.name,
        kind=type(layer).__name__,
        shape=[] if shape is None else [int(side) for side in shape[1:]],
        weights=layer.count_params(),
        trained=sum(math.prod(weight.shape) for weight in layer.trainable_weights),
    )
