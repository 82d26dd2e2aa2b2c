"""The table of saliency maps: of the images that the report opens, what the network looked at."""

from pathlib import Path

import polars as pl

from dataprep.core.artifacts import TableFormat, read_table
from dataprep.core.column_constraints import NO_CONTROLS, Values

LARGEST_PX = 32
"""Height and width of a map, at most: it is as coarse as the layer it comes from."""

SALIENCY = TableFormat(
    kind="saliency",
    version=1,
    columns={
        "id": pl.String(),
        "height": pl.Int32(),
        "width": pl.Int32(),
        "heat": pl.Binary(),  # height x width bytes, row by row: 0 nothing, 255 what speaks most for the predicted class
    },
    stage="evaluate",
    values={
        "id": Values(pattern=NO_CONTROLS, ascending=True),
        "height": Values(least=1, most=LARGEST_PX),
        "width": Values(least=1, most=LARGEST_PX),
        "heat": Values(),
    },
    rules={"heat must hold height x width bytes": pl.col("heat").bin.size() == pl.col("height") * pl.col("width")},
)


def read_saliency(path: Path) -> pl.DataFrame:
    """Reads the maps; a network without a convolution has none."""
    return read_table(path, SALIENCY)
