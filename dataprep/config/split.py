"""The section `split` of params.yaml."""

import math
from typing import Annotated, Literal

from pydantic import Field, field_validator

from dataprep.config.base import Section, Seed, SplitName

Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
PinField = Literal["origin", "group", "label"]
SIMULATED = "simulated"
"""The origin of images that are for training only."""


class SplitConfig(Section):
    """How images are assigned to train, validation and test."""

    method: Literal["stratified", "hash", "given"]
    fractions: Annotated[tuple[float, float, float], Field(strict=False)]
    pin: dict[PinField, dict[str, SplitName]]
    min_test_images: Count
    seed: Seed

    @field_validator("pin")
    @classmethod
    def _simulated_is_for_training(cls, pin: dict[PinField, dict[str, SplitName]]) -> dict[PinField, dict[str, SplitName]]:
        if (split := pin.get("origin", {}).get(SIMULATED, "train")) != "train":
            raise ValueError(
                f"must leave origin {SIMULATED!r} in train, since scores on simulated images say nothing of real ones; "
                f"got {split!r}. Take the pin out, or give those images another origin"
            )
        return pin

    @field_validator("fractions")
    @classmethod
    def _partition(cls, fractions: tuple[float, float, float]) -> tuple[float, float, float]:
        terms = " + ".join(f"{fraction:g}" for fraction in fractions)
        if not min(fractions) > 0 or not sum(fractions) < math.inf:  # false for NaN
            raise ValueError(f"must be three numbers above 0; got {terms}. Each split needs images")
        total = sum(fractions)
        if abs(total - 1) > 1e-6:
            fix = "Reduce one of them" if total > 1 else "Enlarge one of them"
            raise ValueError(f"must sum to 1; got {terms} = {total:g}. {fix}")
        return fractions
