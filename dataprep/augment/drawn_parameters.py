"""How the parameters of operations are drawn: for a whole batch at once, before anything is applied.

What is drawn for an image is a pure function of (seed, id, epoch, copy), whatever stands beside it in the batch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dataprep.config.augment import OPERATIONS, AugmentConfig, OperationConfig
from dataprep.core.errors import ArtifactError
from dataprep.core.rng import of_copies, stable_hash, uniforms

Strength = Literal["weakest", "strongest", "random"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for one operation and N images: whether it happens, (N,) bool, and its parameters, each (N,) float64."""

    happens: NDArray[np.bool_]
    values: Mapping[str, NDArray[np.float64]]

    def rows(self) -> Iterator[tuple[int, dict[str, float]]]:
        """The rows to which it happens, each with its parameters."""
        for row in np.flatnonzero(self.happens).tolist():
            yield row, {name: float(values[row]) for name, values in self.values.items()}


Variation = Mapping[str, Drawn]
"""What was drawn for the operations that are on, by name."""


def sample_variation(
    keys: NDArray[np.uint64], config: AugmentConfig, *, epoch: int, copy: NDArray[np.integer] | int = 0
) -> Variation:
    """Draws what will happen to N images.

    Args:
        keys: (N,) hashes of their ids, from `stable_hashes`.
        config: probabilities and ranges.
        epoch: 0 for materialised copies, 1 and up in training.
        copy: 0 for the image itself, 1 and up for its copies; (N,) or one number for all.
    """
    active = active_operations(config)
    numbers = iter(uniforms(of_copies(keys, copy), _purposes(config.seed, epoch, tuple(active))))
    variation = {}
    for name, section in active.items():
        happens = next(numbers) < section.probability
        values = {}
        for parameter, field in OPERATIONS[name].ranges().items():
            lowest, highest = getattr(section, field)
            values[parameter] = lowest + (highest - lowest) * next(numbers)
        for chance in OPERATIONS[name].chances:
            values[chance] = next(numbers)
        variation[name] = Drawn(happens, values)
    return variation


def active_operations(config: AugmentConfig) -> dict[str, OperationConfig]:
    """The sections of the operations that may happen, in the order in which they are applied."""
    sections = {name: section_of(config, name) for name in OPERATIONS}
    return {name: section for name, section in sections.items() if section.probability > 0}


def section_of(config: AugmentConfig, name: str) -> OperationConfig:
    """The section of an operation."""
    section: OperationConfig = getattr(config, name)
    return section


def suited_operations(num_channels: int) -> list[str]:
    """The operations that images of so many channels can take."""
    return [name for name, operation in OPERATIONS.items() if num_channels >= operation.channels]


def check_suited(config: AugmentConfig, num_channels: int) -> None:
    """Checks that the images that are there can take every operation that is on.

    Raises:
        ArtifactError: params.yaml asks for other images than there are.
    """
    if others := sorted(set(active_operations(config)) - set(suited_operations(num_channels))):
        raise ArtifactError(
            f"augment.{others[0]} is on and needs color images; the prepared ones have {num_channels} channel. "
            "Run: dvc repro prepare"
        )


def alone(config: AugmentConfig, name: str, strength: Strength) -> AugmentConfig:
    """The settings under which one operation happens to every image, at one end of its ranges or anywhere in them.

    The weakest end is the value of a range that is nearest to changing nothing, the strongest the farthest.
    """
    section, neutral = section_of(config, name), OPERATIONS[name].neutral
    change: dict[str, object] = {"probability": 1.0}
    if strength != "random":
        for field in OPERATIONS[name].ranges().values():
            lowest, highest = getattr(section, field)
            far = lowest if abs(lowest - neutral) > abs(highest - neutral) else highest
            value = far if strength == "strongest" else min(max(neutral, lowest), highest)
            change[field] = (value, value)
    return _only(config, name, change)


def at_level(config: AugmentConfig, name: str, level: float) -> AugmentConfig:
    """The settings under which one operation happens to every image, always as strong: all that it draws has this value."""
    return _only(config, name, {"probability": 1.0, **dict.fromkeys(OPERATIONS[name].ranges().values(), (level, level))})


def _only(config: AugmentConfig, name: str, change: Mapping[str, object]) -> AugmentConfig:
    """One operation with changed settings, and all others off."""
    off = {other: section_of(config, other).model_copy(update={"probability": 0.0}) for other in OPERATIONS}
    return config.model_copy(update={**off, name: section_of(config, name).model_copy(update=change)})


@lru_cache(maxsize=256)
def _purposes(seed: int, epoch: int, names: tuple[str, ...]) -> NDArray[np.uint64]:
    """Hashes of what is drawn for these operations: first whether each happens, then its parameters."""
    drawn = [(name, part) for name in names for part in ("happens", *OPERATIONS[name].ranges(), *OPERATIONS[name].chances)]
    return np.array([stable_hash(seed, name, part, epoch) for name, part in drawn], dtype=np.uint64)
