"""The section `ingest.decode`: how the bytes of a file become pixels. Ingest, prepare and prediction share it."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from dataprep.config.base import Section
from dataprep.core.errors import shortened

_LARGEST_LEVEL = 2**53
"""Floats hold all whole numbers up to this; files that are read hold no larger ones."""


def _is_level(value: object) -> object:
    # Compared and not converted: YAML gives whole numbers of any size, and a comparison cannot overflow. NaN fails it.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value in ("auto", "full") or (is_number and -_LARGEST_LEVEL <= value <= _LARGEST_LEVEL):  # type: ignore[operator]
        return value
    raise ValueError(f"must be auto, full or a number from -2^53 to 2^53; got {shortened(value)}. Correct the value")


Level = Annotated[Literal["auto", "full"] | float, BeforeValidator(_is_level)]
"""A value as stored in files of more than 8 bits, or the way to find it."""


class DecodeConfig(Section):
    """How the bytes of a file become pixels; ingest and prepare share it."""

    max_pixels: Annotated[int, Field(gt=0, le=89_478_485)]  # above that Pillow itself suspects a bomb
    background: Annotated[int, Field(ge=0, le=255)]
    black_level: Level
    white_level: Level

    @model_validator(mode="after")
    def _black_below_white(self) -> "DecodeConfig":
        black, white = self.black_level, self.white_level
        if isinstance(black, float) and isinstance(white, float) and not black < white:
            raise ValueError(
                f"black_level must lie below white_level; got {black:g} and {white:g}. Lower one or raise the other"
            )
        return self


class Decoding(DecodeConfig):
    """The section and the ranges that ingest found: for each sample type of more than 8 bits, what becomes 0 and 255."""

    levels: dict[str, Annotated[tuple[float, float], Field(strict=False)]]
