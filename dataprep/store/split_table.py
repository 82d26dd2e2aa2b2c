"""The split table: one row for each usable image, with its split, its cluster, and the rule that decided."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from dataprep.config.base import SPLITS
from dataprep.core.artifacts import TableFormat, encode_table, read_table
from dataprep.core.column_constraints import NO_CONTROLS, Values
from dataprep.core.errors import ArtifactError

EXCLUDED = "excluded"
"""The split of images that would leak in any split: they are not used."""

Rule = Literal["dealt", "hash", "given", "pin", "withdrawn"]

SPLIT = TableFormat(
    kind="split",
    version=2,
    columns={
        "id": pl.String(),
        "split": pl.String(),  # train | validation | test | excluded
        "cluster": pl.String(),  # the smallest id of the images that must stay together
        "rule": pl.String(),  # what decided, one of `Rule`
    },
    stage="split",
    values={
        "id": Values(pattern=NO_CONTROLS, ascending=True),
        "split": Values(among=(*SPLITS, EXCLUDED)),
        "cluster": Values(pattern=NO_CONTROLS),
        "rule": Values(among=get_args(Rule)),
    },
)


def read_split(path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Reads the split table; columns as in `SPLIT`, or some of them."""
    return read_table(path, SPLIT, columns)


def with_split(images: pl.DataFrame, split: pl.DataFrame) -> pl.DataFrame:
    """Adds the column `split` to the usable rows of the manifest; both tables are sorted, so no join is needed.

    Raises:
        ArtifactError: the table is of other images.
    """
    if not images["id"].equals(split["id"]):
        raise ArtifactError(
            f"the split is of other images: {split.height:,}, and the manifest has {images.height:,}. Run: dvc repro split"
        )
    return images.with_columns(split["split"])


def encode_split(split: pl.DataFrame) -> memoryview:
    """The bytes of the split table."""
    return encode_table(split.select(list(SPLIT.columns)), SPLIT)
