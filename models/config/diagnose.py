"""The section `diagnose` of params.yaml."""

from typing import Literal

from dataprep.config.base import Fraction, Positive, Section, Seed
from dataprep.config.split import Count


class DiagnoseConfig(Section):
    """What the report shows and when it is content."""

    split: Literal["validation", "test"]
    target_accuracy: Fraction
    worst_images: Count
    images_per_cell: Count
    thumbnail_px: Positive
    seed: Seed
