"""Settings and images for the tests of variations."""

from collections.abc import Mapping

import numpy as np

from dataprep.config.augment import MIXINGS, OPERATIONS, AugmentConfig
from dataprep.core.rng import stable_hashes
from dataprep.decode.image import Pixels
from pipelines.parameters.params import read_params
from tests.closure import SHIPPED
from tests.conftest import random_image

AUGMENT = read_params(SHIPPED).augment.model_copy(update={"copies": 0, "label_safe": ()})
KEYS = stable_hashes([f"{number}.png" for number in range(400)])


def config_with(**changes: Mapping[str, object]) -> AugmentConfig:
    """All operations off but those named, which happen always unless they say otherwise."""
    values = AUGMENT.model_dump()
    for name in (*OPERATIONS, *MIXINGS):
        values[name] |= {"probability": 0.0}
    for name, change in changes.items():
        values[name] |= {"probability": 1.0, **change}
    return AugmentConfig.model_validate(values)


NOTHING = config_with()
_OFTEN: dict[str, Mapping[str, object]] = {name: {"probability": 0.4} for name in OPERATIONS if name != "channel_shuffle"}
EVERYTHING = config_with(**{**_OFTEN, "rotation": {"probability": 0.8, "degrees": [-30.0, 20.0]}})


def stack(channels: int = 1, count: int = 40, shape: tuple[int, int] = (9, 14)) -> Pixels:
    return np.stack([random_image(seed, (*shape, channels)) for seed in range(count)])


def smooth_stack(channels: int = 1, count: int = 40, shape: tuple[int, int] = (21, 30)) -> Pixels:
    """Images without edges, on which a small difference of place is a small difference of gray levels."""
    rows, columns = np.indices(shape)[..., np.newaxis, np.newaxis]
    phase = np.arange(count * channels).reshape(count, channels)[:, np.newaxis, np.newaxis]
    waves = np.sin(rows[..., 0] / 4 + phase) * np.cos(columns[..., 0] / 5 - phase)
    levels: Pixels = np.rint(127.5 + 100 * waves).astype(np.uint8)
    return levels
