"""The history of a training: one row per epoch, as history.csv holds it."""

from pathlib import Path

import polars as pl

from dataprep.core.artifacts import missing, read_bytes
from dataprep.core.column_constraints import Values, first_mistake
from dataprep.core.errors import ArtifactError, first_five, in_short

HISTORY = {
    "epoch": pl.Int64(),
    "loss": pl.Float64(),
    "accuracy": pl.Float64(),
    "val_loss": pl.Float64(),
    "val_accuracy": pl.Float64(),
}
"""Columns; losses may be no finite number, since a training that diverges ends so, but for one of val_loss at least."""

_VALUES = {"epoch": Values(least=1), **dict.fromkeys(("accuracy", "val_accuracy"), Values(least=0, most=1))}
_LOSSES = ("loss", "val_loss")
_MOST_BYTES = 2**26


def read_history(path: Path) -> pl.DataFrame:
    """Reads history.csv.

    Raises:
        ArtifactError: it is missing, damaged, or says what cannot be.
    """
    try:
        text = pl.read_csv(read_bytes(path, most=_MOST_BYTES), infer_schema=False)
        if list(text.columns) != list(HISTORY):
            raise _fault(path, f"must have the columns {', '.join(HISTORY)}; it has {first_five(text.columns)}")
        history = text.cast(HISTORY)  # type: ignore[arg-type]  # polars wants a dict of its own union
    except FileNotFoundError as error:
        raise missing(path, "train") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, UnicodeDecodeError) as error:
        raise _fault(path, f"cannot be read as numbers of epochs ({in_short(error)})") from error
    fault = first_mistake(history.drop(_LOSSES), _VALUES, {}) or _loss_fault(history)
    if fault:
        raise _fault(path, fault)
    return history


def _loss_fault(history: pl.DataFrame) -> str | None:
    if history["epoch"].to_list() != list(range(1, history.height + 1)) or history.is_empty():
        return f"epochs must be 1 to n, at least one; got {first_five(history['epoch'])}"
    if history.select(pl.any_horizontal(pl.col(_LOSSES).is_null() | (pl.col(_LOSSES) < 0))).to_series().any():
        return "losses must be at least 0, or no number where the training diverged; one is missing or below"
    if not history["val_loss"].is_finite().any():
        return "val_loss must be a finite number in one epoch at least; it is in none"
    return None


def _fault(path: Path, what: str) -> ArtifactError:
    return ArtifactError(f"{path}: {what}. Run: dvc repro train")
