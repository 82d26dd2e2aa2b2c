"""Networks built from settings, and images for them."""

import importlib
from collections.abc import Mapping

import keras
import numpy as np

from models.config.model import ModelConfig
from models.config.network_kinds import NetworkConfig
from models.layers.whole_network import build_network
from pipelines.parameters.params import Params

SHAPE = (8, 6, 3)


def model_of(params: Params, network: Mapping[str, object], **others: object) -> ModelConfig:
    """The project's own section `model` with another network, and other values."""
    section = NetworkConfig.kinds[str(network["kind"])]
    normalise = {"normalise": {"method": "none"}} if issubclass(section, NetworkConfig) and section.takes_gray_levels else {}
    return ModelConfig.model_validate({**params.model.model_dump(), **normalise, "network": network, **others})


def build(
    params: Params,
    network: Mapping[str, object],
    *,
    shape: tuple[int, int, int] = SHAPE,
    per_pixel: bool = False,
    num_classes: int = 4,
    **others: object,
) -> keras.Model:
    if write_files := getattr(importlib.import_module(f"tests.models.networks.test_{network['kind']}"), "write_files", None):
        write_files(shape)
    scale = shape if per_pixel else (1, 1, shape[2])
    mean, divisor = np.full(scale, 100, dtype=np.float32), np.full(scale, 50, dtype=np.float32)
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    model = model_of(params, network, **others)
    return build_network(model, shape=shape, num_classes=num_classes, mean=mean, divisor=divisor, momentum=0.9)


def images(count: int = 12, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


def targets(count: int = 12) -> np.ndarray:
    return np.eye(4, dtype=np.float32)[np.arange(count) % 4]
