"""A search space: a YAML file that says which keys of params.yaml vary, and within which bounds."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from dataprep.config.base import ByKind, Fraction, Positive, Section, Seed

SEARCHED = ("model.", "train.", "augment.")
"""Sections that may vary. Trials train on the prepared images as they are, so nothing before may change."""

STORED = ("augment.copies", "augment.balance", "augment.seed")
"""Keys of augment that decide which copies are stored. They belong to a stage before training."""

Scalar: TypeAlias = bool | int | float | str | None
Value: TypeAlias = Scalar | Annotated[tuple[Scalar, ...], Field(strict=False)]
"""A value of params.yaml: a number, a text, or a list of them."""

_Unbounded = Annotated[float, Field(ge=-1e9, le=1e9)]
_Above0 = Annotated[float, Field(gt=0.0, le=1e9)]


class _Bounds(Section):
    @model_validator(mode="after")
    def _ordered(self) -> "_Bounds":
        low, high = self.model_dump(include={"low", "high"}).values()
        if not low < high:
            raise ValueError(f"must have low below high; got {low:g} and {high:g}. Exchange or change them")
        return self


class Uniform(_Bounds):
    """A number of the range; each is as likely as any other."""

    kind: Literal["uniform"]
    low: _Unbounded
    high: _Unbounded


class LogUniform(_Bounds):
    """A number of the range; each order of magnitude is as likely as any other. For learning rates and penalties."""

    kind: Literal["log_uniform"]
    low: _Above0
    high: _Above0


class OneMinusLogUniform(_Bounds):
    """A number below 1 whose distance from 1 is log-uniform. For beta_1, beta_2, rho and momentum."""

    kind: Literal["one_minus_log_uniform"]
    low: Fraction
    high: Annotated[float, Field(gt=0.0, lt=1.0)]


class Symmetric(_Bounds):
    """A range [-x, x] whose x is uniform. For the strength of an augmentation, such as degrees."""

    kind: Literal["symmetric"]
    low: Annotated[float, Field(ge=0.0, le=1e9)]
    high: _Above0


class Integer(_Bounds):
    """A whole number of the range; each order of magnitude is as likely as any other. For batch sizes and units."""

    kind: Literal["integer"]
    low: Positive
    high: Positive


class Choice(Section):
    """One of the values listed. For kinds and for lists, such as filters."""

    kind: Literal["choice"]
    values: Annotated[tuple[Value, ...], Field(strict=False, min_length=2, max_length=1000)]


Dimension = Annotated[Uniform | LogUniform | OneMinusLogUniform | Symmetric | Integer | Choice, ByKind]


class SearchConfig(Section):
    """How many trials, how each is judged, and the space."""

    trials: Positive
    keep_fraction: Annotated[float, Field(gt=0.0, le=1.0)]
    epochs: Positive
    metric: Literal["accuracy", "loss"]
    seed: Seed
    space: Annotated[dict[str, Dimension], Field(min_length=1, max_length=100)]

    @field_validator("space")
    @classmethod
    def _only_what_training_reads(cls, space: dict[str, Dimension]) -> dict[str, Dimension]:
        for key in space:
            if not key.startswith(SEARCHED) or key.startswith(STORED):
                raise ValueError(
                    f"must name keys of model, train or augment, but {', '.join(STORED)}, since trials train on the prepared "
                    f"images as they are; got {key!r}. Take it out"
                )
        return space
