"""The tables behind the plots of DVC, which a person may open in a spreadsheet too: confusion, calibration and slices."""

from pathlib import Path

import polars as pl

from dataprep.config.base import SplitName
from dataprep.core.spreadsheet_cells import encode_cell
from models.diagnose.facts import Facts
from models.evaluate.calibration import Calibration

_KINDS = ("group", "origin", "format")
"""Of slices, those whose names stay the same from one training to the next, so that they can be compared."""


def encode_plots(folder: Path, predictions: pl.DataFrame, facts: Facts, split: SplitName) -> dict[Path, bytes]:
    """The content of each table by its path.

    Args:
        folder: where they stand.
        predictions: the table of predictions.
        facts: from `models.diagnose.facts.gather`.
        split: `diagnose.split`, of confusion and slices; calibration is always that on validation.
    """
    tables = {
        "confusion": predictions.filter(split=split).select(actual="label", predicted="predicted"),
        "calibration": calibration_table(facts.evidence.calibration),
        "slices": slices_table(facts, split),
    }
    return {folder / f"{name}.csv": table.write_csv().encode() for name, table in tables.items()}


def calibration_table(calibration: Calibration) -> pl.DataFrame:
    """One row for each bin of confidence that has images: their mean confidence, accuracy with its interval, how many."""
    rows = [(own.confidence, own.accuracy, *own.accuracy_interval, own.images) for own in calibration.bins if own.images]
    return pl.DataFrame(rows, schema=["confidence", "accuracy", "low", "high", "images"], orient="row")


def slices_table(facts: Facts, split: SplitName) -> pl.DataFrame:
    """One row for each class of a split, then for each group, origin and format that is compared with the rest of it."""
    classes = [("class", encode_cell(own.class_name), own) for own in facts.metrics.recalls[split]]
    slices = [own for own in facts.evidence.slices if own.split == split and own.kind in _KINDS]
    others = [(own.kind, encode_cell(own.name), own.seen) for own in sorted(slices, key=lambda own: (own.kind, own.name))]
    rows = [(kind, name, own.accuracy, *own.accuracy_interval, own.images) for kind, name, own in (*classes, *others)]
    return pl.DataFrame(rows, schema=["kind", "slice", "accuracy", "low", "high", "images"], orient="row")
