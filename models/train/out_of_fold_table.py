"""The table of what networks say of train images that they were not trained on (`models.train.label_folds`)."""

from pathlib import Path

import polars as pl

from dataprep.core.artifacts import TableFormat, read_table
from dataprep.core.column_constraints import NO_CONTROLS, Values
from dataprep.core.errors import ArtifactError
from models.train.probability_columns import PROBABILITIES, PROBABILITY

LABEL_FOLDS = TableFormat(
    kind="label folds",
    version=1,
    columns={"id": pl.String()},
    stage="train",
    values={"id": Values(pattern=NO_CONTROLS, ascending=True)},
    family=PROBABILITIES,
)

NO_FOLDS = pl.DataFrame(schema=LABEL_FOLDS.columns)
"""What stands there where `diagnose.label_folds` is 0."""


def read_folds(path: Path, predictions: pl.DataFrame) -> pl.DataFrame:
    """Reads the table: id and one probability per class, of no image or of all train images.

    Args:
        path: the file.
        predictions: the table of predictions, by id.

    Raises:
        ArtifactError: also where it is of other images or classes.
    """
    rows = read_table(path, LABEL_FOLDS)
    wanted = ["id", *(name for name in predictions.columns if name.startswith(PROBABILITY))]
    train = predictions.filter(pl.col("split") == "train")["id"]
    if rows.height and not (rows["id"].equals(train) and rows.columns == wanted):
        raise ArtifactError(
            f"{path} must hold the {len(train):,} train images that were predicted, and their classes; it holds "
            f"{rows.height:,} others. Run: dvc repro train"
        )
    return rows
