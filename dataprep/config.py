"""The sections of params.yaml that concern the data set, typed and frozen.

There are no defaults: a value that stands in code is one that DVC cannot see change.
"""

import math
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Deviations = Annotated[float, Field(gt=0.0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Pair = Annotated[tuple[int, int], Field(strict=False)]
SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
PinField = Literal["origin", "group", "label"]


class Section(BaseModel):
    """Base of all sections: frozen, no unknown keys, no silent conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DecodeConfig(Section):
    """How the bytes of a file become pixels; ingest and prepare share it."""

    max_pixels: Annotated[int, Field(gt=0, le=89_478_485)]  # above that Pillow itself suspects a bomb
    background: Annotated[int, Field(ge=0, le=255)]


class LimitsConfig(Section):
    """What one file may cost; what passes a limit is quarantined, and the run goes on."""

    max_bytes: Annotated[int, Field(gt=0)]
    min_side: Annotated[int, Field(ge=1)]
    seconds: Annotated[float, Field(gt=0.0, le=3600.0)]
    memory_mib: Annotated[int, Field(ge=64, le=2**20)]


class QualityConfig(Section):
    """How far from the data set's own median an image may lie, in robust standard deviations, before it is an issue."""

    dark: Deviations
    bright: Deviations
    low_contrast: Deviations
    blurred: Deviations
    noisy: Deviations
    low_information: Deviations
    odd_ink: Deviations
    odd_aspect: Deviations
    odd_pixel_count: Deviations


class NearDuplicatesConfig(Section):
    """When two images count as the same picture, re-encoded, resized, brightened or lightly cropped."""

    max_hash_distance: Annotated[int, Field(ge=0, le=3)]  # up to 2 the search is exhaustive, and of 3 it finds most
    max_difference: Annotated[float, Field(ge=0.0, lt=1.0)]


class IngestConfig(Section):
    """Where the images are, what their paths say, and which of them are used."""

    source: Annotated[str, Field(min_length=1)]
    pattern: Annotated[str, Field(min_length=1)]
    skip: Annotated[tuple[str, ...], Field(strict=False)]
    decode: DecodeConfig
    limits: LimitsConfig
    quality: QualityConfig
    near_duplicates: NearDuplicatesConfig
    label_conflict: Literal["quarantine", "keep"]
    min_class_images: Annotated[int, Field(ge=1)]
    max_quarantined_fraction: Fraction


class SplitConfig(Section):
    """How images come to train, validation and test."""

    method: Literal["stratified", "hash", "given"]
    fractions: Annotated[tuple[float, float, float], Field(strict=False)]
    pin: dict[PinField, dict[str, SplitName]]
    min_test_images: Annotated[int, Field(ge=0)]
    seed: Seed

    @field_validator("fractions")
    @classmethod
    def _partition(cls, fractions: tuple[float, float, float]) -> tuple[float, float, float]:
        terms = " + ".join(f"{fraction:g}" for fraction in fractions)
        if not min(fractions) > 0 or not sum(fractions) < math.inf:  # not a number is neither
            raise ValueError(f"must be three numbers above 0; got {terms}. Each split needs images")
        total = sum(fractions)
        if abs(total - 1) > 1e-6:
            fix = "Reduce one of them" if total > 1 else "Enlarge one of them"
            raise ValueError(f"must sum to 1; got {terms} = {total:g}. {fix}")
        return fractions


class ResizeConfig(Section):
    """How an image of any shape is brought to the one shape that a network takes."""

    mode: Literal["stretch", "pad", "fit", "crop"]
    interpolation: Literal["nearest", "linear", "cubic", "area", "lanczos"]
    pad_value: Annotated[int, Field(ge=0, le=255)]


class SaturateConfig(Section):
    """Whether the paper of a gray image is made uniform, and how it is told from ink."""

    method: Literal["off", "threshold", "otsu"]
    threshold: Annotated[int, Field(ge=0, le=255)]
    ink: Literal["dark", "light"]


class PrepareConfig(Section):
    """What is done to the pixels of each image before they are stored."""

    image_size: Pair
    color: Literal["gray", "rgb"]
    resize: ResizeConfig
    denoise_px: Literal[0, 3, 5, 7]
    saturate: SaturateConfig
    invert: bool
    images_per_shard: Annotated[int, Field(gt=0)]
    mib_per_shard: Annotated[int, Field(gt=0)]

    @field_validator("image_size")
    @classmethod
    def _drawable(cls, image_size: tuple[int, int]) -> tuple[int, int]:
        if min(image_size) < 1:
            raise ValueError(f"must be [height, width], each at least 1 pixel; got {list(image_size)}. Enlarge it")
        return image_size

    @model_validator(mode="after")
    def _gray_before_saturation(self) -> "PrepareConfig":
        if self.saturate.method != "off" and self.color != "gray":  # each channel by itself would tint the paper's edge
            raise ValueError(
                f"must have color 'gray' for saturate.method {self.saturate.method!r}; got {self.color!r}. "
                "Set color to gray, or saturate.method to off"
            )
        return self


class StatisticsConfig(Section):
    """Over what the mean and the standard deviation are taken."""

    per: Literal["channel", "pixel"]


class RotationConfig(Section):
    """Rotation about the image's centre by an angle drawn evenly from -degrees to +degrees."""

    probability: Fraction
    degrees: Annotated[float, Field(ge=0.0, le=180.0)]


class FlipConfig(Section):
    """Mirroring."""

    probability: Fraction


class NoiseConfig(Section):
    """Gaussian noise added to each pixel and channel; std in gray levels."""

    probability: Fraction
    std: Annotated[float, Field(ge=0.0, le=255.0)]


class MixupConfig(Section):
    """Linear superposition of two images and of their labels; the weight is drawn from Beta(alpha, alpha)."""

    probability: Fraction
    alpha: Annotated[float, Field(gt=0.0)]


class AugmentConfig(Section):
    """What may happen to a train image, and only to a train image."""

    online: bool
    copies: Annotated[int, Field(ge=0)]
    seed: Seed
    fill: Annotated[int, Field(ge=0, le=255)]
    rotation: RotationConfig
    horizontal_flip: FlipConfig
    vertical_flip: FlipConfig
    noise: NoiseConfig
    mixup: MixupConfig


class ExecuteConfig(Section):
    """Where the heavy work runs. It changes how long a run takes, never what it makes."""

    backend: Literal["local", "dask"]
    workers: Annotated[int, Field(ge=0)]
    address: str | None

    @model_validator(mode="after")
    def _address_can_be_used(self) -> "ExecuteConfig":
        if self.address is None:
            return self
        if self.backend == "local":
            raise ValueError(
                f"address needs backend 'dask'; got backend 'local' and address {self.address!r}. Set address to null"
            )
        if not re.fullmatch(r"(tcp|tls)://[^\s/]+:\d+", self.address):
            raise ValueError(
                f"address must be like tcp://10.0.0.5:8786, which the scheduler tells when it starts; got {self.address!r}. "
                "Correct the value"
            )
        return self
