"""The section `ingest` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from dataprep.config.base import Fraction, Name, Positive, Section
from dataprep.config.decode import DecodeConfig

Deviations = Annotated[float, Field(gt=0.0, allow_inf_nan=True)]


class LimitsConfig(Section):
    """Limits for one file. A file that exceeds one is quarantined, and the run goes on."""

    max_bytes: Annotated[int, Field(gt=0, le=2**50)]
    min_side: Positive
    seconds: Annotated[float, Field(gt=0.0, le=3600.0)]
    memory_mib: Annotated[int, Field(ge=64, le=2**20)]


class QualityConfig(Section):
    """How far an image may be from the median of its data set, in robust standard deviations, before it is an issue."""

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
    """When two images count as near duplicates: re-encoded, resized, brightened or slightly cropped."""

    max_hash_distance: Annotated[int, Field(ge=0, le=3)]  # up to 2 the search finds all candidates, for 3 most
    max_difference: Annotated[float, Field(ge=0.0, lt=1.0)]


class LabelTableConfig(Section):
    """A table that says what images are: its file, and its columns. What has no column is not known of any image."""

    file: Name
    path: Name
    label: Name
    group: Name | None
    split: Name | None
    origin: Name | None


_NO_CLASS = "regex:(?P<label>).*"


class IngestConfig(Section):
    """Where the images are, what their paths say, and which of them are used."""

    source: Name
    pattern: Name
    labels: LabelTableConfig | None
    corrections: Name | None
    skip: Annotated[tuple[Name, ...], Field(strict=False, max_length=1000)]
    decode: DecodeConfig
    limits: LimitsConfig
    quality: QualityConfig
    near_duplicates: NearDuplicatesConfig
    label_conflict: Literal["quarantine", "keep"]
    min_class_images: Positive
    max_quarantined_fraction: Fraction

    @property
    def path_pattern(self) -> str:
        """The pattern by which paths are read; where a table has the labels, one that finds no class in any."""
        return self.pattern if self.labels is None else _NO_CLASS
