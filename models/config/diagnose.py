"""The section `diagnose` of params.yaml."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from dataprep.config.base import Fraction, Positive, Section, Seed
from dataprep.config.split import Count


def _no_single_fold(folds: int) -> int:
    if folds == 1 or folds > MOST_FOLDS:
        raise ValueError(f"must be 0 (none) or 2 to {MOST_FOLDS}; got {folds}. One fold would leave no image to train on")
    return folds


MOST_FOLDS = 20
"""Each is a whole training."""


class DiagnoseConfig(Section):
    """What the report shows and when it is content."""

    split: Literal["validation", "test"]
    target_accuracy: Fraction
    worst_images: Count
    images_per_cell: Count
    thumbnail_px: Positive
    label_folds: Annotated[Count, AfterValidator(_no_single_fold)]
    seed: Seed
