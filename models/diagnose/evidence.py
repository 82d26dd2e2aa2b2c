"""What was measured beside the scores, and what findings read of it."""

from dataclasses import dataclass

import polars as pl

from dataprep.core.artifacts import Place
from models.diagnose.baselines import Baselines, measure_baselines
from models.diagnose.label_suspects import find_suspects
from models.diagnose.shared_images import Shared, find_shared
from models.diagnose.shifts import Shift, find_shifts
from models.diagnose.slices import Slice, find_slices
from models.evaluate.calibration import Calibration, calibrate
from models.evaluate.robustness import Robustness


@dataclass(frozen=True, slots=True)
class Evidence:
    """Measurements on the images and on what the network says of them.

    Attributes:
        robustness: under changes, and with regions hidden.
        baselines: cheap classifiers on the same images.
        slices: parts of validation and test against the rest, the most certain first.
        calibration: on validation.
        suspects: images whose label is probably wrong, the most certain first (`label_suspects`), but for those that a person
            looked at and found fine.
        shifts: certain differences between splits, the largest first.
        shared: what splits share though they must not.
    """

    robustness: Robustness
    baselines: Baselines
    slices: list[Slice]
    calibration: Calibration
    suspects: pl.DataFrame
    shifts: list[Shift]
    shared: Shared


def gather_evidence(
    rows: pl.DataFrame,
    *,
    facts: pl.DataFrame,
    features: pl.DataFrame,
    manifest: pl.DataFrame,
    split: pl.DataFrame,
    prepared: Place,
    robustness: Robustness,
    seed: int,
) -> Evidence:
    """Measures.

    Args:
        rows: predictions with their clusters, by id.
        facts: of the same images.
        features: of the same images.
        manifest: of all files.
        split: the split table.
        prepared: the folder of the shards.
        robustness: what evaluate measured.
        seed: of what is drawn.
    """
    return Evidence(
        robustness=robustness,
        baselines=measure_baselines(prepared, split, seed=seed),
        slices=find_slices(rows, facts, features, manifest, seed=seed),
        calibration=calibrate(rows.filter(pl.col("split") == "validation"), seed=seed),
        suspects=_not_found_fine(find_suspects(rows), manifest),
        shifts=find_shifts(rows, facts, features),
        shared=find_shared(manifest, split),
    )


def _not_found_fine(suspects: pl.DataFrame, manifest: pl.DataFrame) -> pl.DataFrame:
    fine = manifest.filter(pl.col("correction") == "fine")["id"]
    return suspects.filter(~pl.col("id").is_in(fine.implode()))
