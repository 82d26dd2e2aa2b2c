"""Which group and which origin each train image has: what weights in training are asked for by.

A table of its own, since the manifest changes with every file that is found, and training would then begin anew.
"""

from pathlib import Path

import polars as pl

from dataprep.core.artifacts import TableFormat, encode_table, read_table
from dataprep.core.column_constraints import NO_CONTROLS, Values
from dataprep.store.split_table import with_split

GROUPS = TableFormat(
    kind="groups",
    version=1,
    columns={"id": pl.String(), "group": pl.String(), "origin": pl.String()},
    stage="split",
    values={"id": Values(pattern=NO_CONTROLS, ascending=True)},
)


def encode_groups(images: pl.DataFrame, split: pl.DataFrame) -> memoryview:
    """The bytes of the table: the train images that have a group or an origin.

    Args:
        images: usable rows of the manifest.
        split: the split table of the same images.
    """
    is_named = pl.col("group").is_not_null() | pl.col("origin").is_not_null()
    return encode_table(
        with_split(images, split).filter((pl.col("split") == "train") & is_named).select(list(GROUPS.columns)), GROUPS
    )


def read_groups(path: Path) -> pl.DataFrame:
    """Reads the table; columns as in `GROUPS`."""
    return read_table(path, GROUPS)
