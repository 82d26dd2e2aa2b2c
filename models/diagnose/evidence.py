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
        contradicted: the same by the network itself, also of the images that it was trained on.
        has_folds: networks that were trained without them judged the train images among `suspects`.
        shifts: certain differences between splits, the largest first.
        shared: what splits share though they must not.
    """

    robustness: Robustness
    baselines: Baselines
    slices: list[Slice]
    calibration: Calibration
    suspects: pl.DataFrame
    contradicted: pl.DataFrame
    has_folds: bool
    shifts: list[Shift]
    shared: Shared


@dataclass(frozen=True, slots=True)
class ImageTables:
    """What was measured of the images that were predicted, by id.

    Attributes:
        facts: what each looks like.
        features: what the network makes of it.
        folds: what networks say of train images that they were not trained on; empty where there are none.
    """

    facts: pl.DataFrame
    features: pl.DataFrame
    folds: pl.DataFrame


def gather_evidence(
    rows: pl.DataFrame,
    tables: ImageTables,
    *,
    manifest: pl.DataFrame,
    split: pl.DataFrame,
    prepared: Place,
    robustness: Robustness,
    seed: int,
) -> Evidence:
    """Measures.

    Args:
        rows: predictions with their clusters, by id.
        tables: of the same images.
        manifest: of all files.
        split: the split table.
        prepared: the folder of the shards.
        robustness: what evaluate measured.
        seed: of what is drawn.
    """
    contradicted = _not_found_fine(find_suspects(rows), manifest)
    has_folds = bool(tables.folds.height)
    return Evidence(
        robustness=robustness,
        baselines=measure_baselines(prepared, split, seed=seed),
        slices=find_slices(rows, tables.facts, tables.features, manifest, seed=seed),
        calibration=calibrate(rows.filter(pl.col("split") == "validation"), seed=seed),
        suspects=_not_found_fine(find_suspects(rows, tables.folds), manifest) if has_folds else contradicted,
        contradicted=contradicted,
        has_folds=has_folds,
        shifts=find_shifts(rows, tables.facts, tables.features),
        shared=find_shared(manifest, split),
    )


def _not_found_fine(suspects: pl.DataFrame, manifest: pl.DataFrame) -> pl.DataFrame:
    fine = manifest.filter(pl.col("correction") == "fine")["id"]
    return suspects.filter(~pl.col("id").is_in(fine.implode()))
