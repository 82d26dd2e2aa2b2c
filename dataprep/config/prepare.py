"""The section `prepare` of params.yaml."""

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from dataprep.config.base import Fraction, Positive, Section
from dataprep.core.errors import shortened

Pair = Annotated[tuple[int, int], Field(strict=False)]


def _is_whole(value: object) -> object:
    if type(value) is int or not isinstance(value, int | float):  # in Python, False == 0 and 3.0 == 3
        return value
    raise ValueError(f"must be 0, 3, 5 or 7; got {value!r}. Correct the value")


FilterSize = Annotated[Literal[0, 3, 5, 7], BeforeValidator(_is_whole)]


def _is_odd(window_px: int) -> int:
    if window_px % 2 == 0:
        raise ValueError(f"must be odd, so that a window has a centre; got {window_px}. Use {window_px + 1}")
    return window_px


WindowSize = Annotated[int, Field(ge=3, le=255), AfterValidator(_is_odd)]

PIXELS_VERSION = 1
"""Part of what a shard is made from, and said in a model file: to be raised with every change of `dataprep.prepare.transforms`
that makes other pixels of the same image."""

MAX_SIDE_PX = 32_766  # OpenCV resizes no longer side
MAX_IMAGE_PX = 2**24
MAX_SHARD_BYTES = 2**32


ResizeMode: TypeAlias = Literal["stretch", "pad", "fit", "crop"]


class ResizeConfig(Section):
    """How images of any shape get the one shape that the network takes."""

    mode: ResizeMode
    interpolation: Literal["nearest", "linear", "cubic", "area", "lanczos"]
    pad_value: Annotated[int, Field(ge=0, le=255)]


class SaturateConfig(Section):
    """Whether the paper of a gray image is made uniform, how it is separated from ink, and whether ink keeps its levels."""

    method: Literal["off", "threshold", "otsu", "sauvola"]
    threshold: Annotated[int, Field(ge=0, le=255)]
    window_px: WindowSize
    ink: Literal["dark", "light"]
    output: Literal["keep_ink", "binary"]


class PrepareConfig(Section):
    """The steps for the pixels of each image before they are stored."""

    image_size: Pair
    color: Literal["gray", "rgb"]
    resize: ResizeConfig
    denoise_px: FilterSize
    equalise: Literal["off", "clahe"]
    saturate: SaturateConfig
    invert: bool
    images_per_shard: Positive
    mib_per_shard: Annotated[int, Field(gt=0, le=2**20)]

    @field_validator("image_size")
    @classmethod
    def _drawable(cls, image_size: tuple[int, int]) -> tuple[int, int]:
        if min(image_size) < 1:
            raise ValueError(f"must be [height, width], each at least 1 pixel; got {shortened(list(image_size))}. Enlarge it")
        if max(image_size) > MAX_SIDE_PX or image_size[0] * image_size[1] > MAX_IMAGE_PX:
            raise ValueError(
                f"must be [height, width], each at most {MAX_SIDE_PX:,} pixels and {MAX_IMAGE_PX:,} together; "
                f"got {shortened(list(image_size))}. Reduce it"
            )
        return image_size

    @model_validator(mode="after")
    def _shard_can_be_held(self) -> "PrepareConfig":
        height, width = self.image_size
        image_bytes = height * width * (3 if self.color == "rgb" else 1)
        num_bytes = self.images_per_shard * image_bytes
        if num_bytes > MAX_SHARD_BYTES:
            raise ValueError(
                f"must make shards of at most {MAX_SHARD_BYTES / 2**30:g} GiB, since a worker holds one in memory; "
                f"images_per_shard {self.images_per_shard:,} x {height:,} x {width:,} pixels x "
                f"{image_bytes // (height * width)} = {num_bytes / 2**30:,.1f} GiB. "
                f"Set images_per_shard to at most {MAX_SHARD_BYTES // image_bytes:,}"
            )
        return self

    @model_validator(mode="after")
    def _gray_before_saturation(self) -> "PrepareConfig":
        if (
            self.saturate.method != "off" and self.color != "gray"
        ):  # separate thresholds for each channel would tint the edges of the ink
            raise ValueError(
                f"must have color 'gray' for saturate.method {self.saturate.method!r}; got {self.color!r}. "
                "Set color to gray, or saturate.method to off"
            )
        return self


class PrepareSection(PrepareConfig):
    """The section `prepare` of params.yaml: the steps for the pixels, and when the stage warns."""

    warn_below_fraction: Fraction

    @property
    def pixels(self) -> PrepareConfig:
        """The settings that decide the shards; a change of the others must not rebuild them."""
        return PrepareConfig.model_validate(self.model_dump(exclude={"warn_below_fraction"}))
