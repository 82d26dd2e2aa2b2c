"""The split table: one row for each usable image, with where it stands, what it is kept with, and by which rule."""

from pathlib import Path
from typing import Literal

import polars as pl

from dataprep.artifacts import TableFormat, read_table, write_table

EXCLUDED = "excluded"
"""The split of images that would leak wherever they stood: they are used nowhere."""

Rule = Literal["dealt", "hash", "given", "pin", "withdrawn"]

SPLIT = TableFormat(
    kind="split",
    version=2,
    columns={
        "id": pl.String(),
        "split": pl.String(),  # train | validation | test | excluded
        "cluster": pl.String(),  # the smallest id of what must not be torn apart
        "rule": pl.String(),  # what decided, one of `Rule`
    },
    stage="split",
)


def read_split(path: Path) -> pl.DataFrame:
    """Reads the split table; columns as in `SPLIT`."""
    return read_table(path, SPLIT)


def write_split(path: Path, split: pl.DataFrame) -> None:
    """Writes the split table."""
    write_table(path, split.select(list(SPLIT.columns)), SPLIT)
