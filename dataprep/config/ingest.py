"""The section `ingest` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from dataprep.config.base import Fraction, Name, Positive, Section
from dataprep.config.decode import DecodeConfig

Deviations = Annotated[float, Field(gt=0.0, allow_inf_nan=True)]


class LimitsConfig(Section):
    """What one file may cost; what passes a limit is quarantined, and the run goes on."""

    max_bytes: Annotated[int, Field(gt=0, le=2**50)]
    min_side: Positive
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

    source: Name
    pattern: Name
    skip: Annotated[tuple[Name, ...], Field(strict=False, max_length=1000)]
    decode: DecodeConfig
    limits: LimitsConfig
    quality: QualityConfig
    near_duplicates: NearDuplicatesConfig
    label_conflict: Literal["quarantine", "keep"]
    min_class_images: Positive
    max_quarantined_fraction: Fraction
