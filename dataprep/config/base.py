"""What all sections of params.yaml share. No section has a default, since DVC cannot see a value in code change."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[int, Field(gt=0, le=2**31 - 1)]
Name = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


class Section(BaseModel):
    """Base of all sections: frozen, no unknown keys, no silent conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    renamed: ClassVar[Mapping[str, str]] = {}
    """Keys of earlier versions, with their full names of today: the error about an old key says the new one."""


ByKind = Field(discriminator="kind")
"""Marks a union of sections of which params.yaml holds one, chosen by its key `kind`.

Each section of the union is a `Section` with `kind: Literal["its name"]` and keys of its own:

    class AdamConfig(Section):
        kind: Literal["adam"]
        beta_1: Fraction

    class SgdConfig(Section):
        kind: Literal["sgd"]
        momentum: Fraction

    class TrainConfig(Section):
        optimizer: Annotated[AdamConfig | SgdConfig, ByKind]

Only the keys of the chosen kind may stand in params.yaml. `params_errors` turns each mistake into one line:
an unknown kind names the known ones, and a key of another kind names the kinds that have it.

Where the kinds are files that are found by listing a folder, as networks are, no union can name them. The base class of the
sections then has them in a class variable `kinds`, by name (`models.config.network_kinds`).
"""
