"""The split table: one row for each usable image, with where it stands, what it is kept with, and by which rule."""

from pathlib import Path
from typing import Literal

import polars as pl

from dataprep.artifacts import TableFormat, encode_table, read_table

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


def encode_split(split: pl.DataFrame) -> memoryview:
    """The bytes of the split table."""
    return encode_table(split.select(list(SPLIT.columns)), SPLIT)
