"""The section `ingest.decode`: how the bytes of a file become pixels. Ingest, prepare and prediction share it."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from dataprep.config.base import Section
from dataprep.core.errors import shortened

_LARGEST = 1e300  # so that the difference of two levels is a number as well


def _is_level(value: object) -> object:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST
    if is_number or value in ("auto", "full"):
        return value
    raise ValueError(f"must be auto, full or a number, -1e300 to 1e300; got {shortened(value)}. Correct the value")


Level = Annotated[Literal["auto", "full"] | float, BeforeValidator(_is_level)]
"""A value as files of more than 8 bits store it, or how it is found."""


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
    """The section with what ingest found: of each type of samples of more than 8 bits, what becomes 0 and what becomes 255."""

    levels: dict[str, Annotated[tuple[float, float], Field(strict=False)]]
