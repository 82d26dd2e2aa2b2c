"""Predictions of a model that was not trained here, from a table that its owner wrote (docs/external_predictions.md).

One row for each image: path, label and one column `probability_<class>` for each class; split and group where they are known.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.config.base import SPLITS
from dataprep.core.artifacts import open_file
from dataprep.core.errors import ArtifactError, first_five, in_short
from dataprep.core.name_encoding import encode_name, printable
from dataprep.source.path_pattern import split_named
from dataprep.source.remote_folder import is_below_source
from models.evaluate.predictions import predictions_frame
from models.train.probability_columns import LARGEST_PROBABILITY, PROBABILITY

_NEEDED = ("path", "label")
_KNOWN = (*_NEEDED, "split", "group")


def read_external_predictions(path: Path) -> pl.DataFrame:
    """Reads and checks such a table.

    Args:
        path: a Parquet file, or a CSV in UTF-8 with commas.

    Returns:
        The table of predictions, with `path`, the path of each image as it stands in the file, `group` (null where there is
        none) and `cluster`, the unit of every interval: the group, or the image itself.

    Raises:
        ArtifactError: the file cannot be read, lacks a column, or holds a value that cannot be.
    """
    table = _read_table(path)
    names = _class_names(table, path)
    rows = table.select(pl.col(name).cast(pl.String) if name in table.columns else _ABSENT[name] for name in _KNOWN)
    _check_rows(rows, names, path)
    shown = {name: printable(encode_name(name)) for name in names}
    rows = rows.with_columns(
        id=pl.Series([printable(encode_name(own)) for own in rows["path"].to_list()], dtype=pl.String),
        split=pl.col("split").map_elements(split_named, return_dtype=pl.String),
        number=pl.col("label").replace_strict(names, range(len(names)), return_dtype=pl.Int64),
    )
    probabilities = _probabilities(table, names, path)
    parts = []
    for split in SPLITS:
        own = np.flatnonzero((rows["split"] == split).to_numpy())
        ids, labels = rows["id"].gather(own).to_list(), rows["number"].gather(own).to_numpy()
        parts.append(predictions_frame(ids, split, labels, probabilities[own], list(shown.values())))
    beside = rows.select(
        "id", "path", "group", cluster=pl.coalesce(pl.format("group {}", "group"), pl.format("image {}", "id"))
    )
    return pl.concat(parts).join(beside, on="id", how="left").sort("id")


_ABSENT = {"split": pl.lit("validation").alias("split"), "group": pl.lit(None, dtype=pl.String).alias("group")}
"""What stands for a column that may be missing."""


def _read_table(path: Path) -> pl.DataFrame:
    """A CSV as texts alone: a class 007 is not the number 7."""
    try:
        open_file(path).close()  # a pipe would be waited for
        match path.suffix.lower():
            case ".parquet":
                return pl.read_parquet(path)
            case ".csv":
                return pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise ArtifactError(f"{path} cannot be read as a table ({in_short(error)}). Save it anew") from error
    raise ArtifactError(f"{path}: the name must end in .parquet or .csv; got {path.suffix!r}. Save it as one of these")


def _class_names(table: pl.DataFrame, path: Path) -> list[str]:
    """The class names, sorted, after a check of the columns."""
    lacking = [name for name in _NEEDED if name not in table.columns]
    if lacking:
        raise ArtifactError(f"{path} lacks the columns {first_five(lacking)}; it has {first_five(table.columns)}. Add them")
    names = sorted(name.removeprefix(PROBABILITY) for name in table.columns if name.startswith(PROBABILITY))
    if len(names) < 2 or "" in names:
        raise ArtifactError(
            f"{path} must have a column {PROBABILITY}<class> for each class, of two at least; it has "
            f"{first_five(table.columns)}. Add them"
        )
    if table.is_empty():
        raise ArtifactError(f"{path} must have a row for each image; it has none. Add them")
    return names


def _check_rows(rows: pl.DataFrame, names: Sequence[str], path: Path) -> None:
    """Refuses the first row that cannot be."""
    below = [own is not None and is_below_source(encode_name(own)) for own in rows["path"].to_list()]
    given = [own is not None and split_named(own) is not None for own in rows["split"].to_list()]
    for what, right, expected in (
        ("path", pl.Series(below), "be relative to the folder of the images, with slashes and without '..'"),
        ("path", rows["path"].is_first_distinct(), "be there once"),
        ("split", pl.Series(given), f"be one of {', '.join(SPLITS)}"),
        ("label", rows["label"].is_in(names).fill_null(value=False), f"have a column {PROBABILITY}<label>"),
    ):
        wrong = rows.with_row_index("row").filter(~right)
        if wrong.height:
            raise ArtifactError(
                f"{path}, row {wrong['row'][0] + 1:,}: {what} must {expected}; got {wrong[what][0]!r}, and so in "
                f"{wrong.height - 1:,} more. Correct it"
            )


def _probabilities(table: pl.DataFrame, names: Sequence[str], path: Path) -> NDArray[np.float32]:
    """(N, num_classes), after a check."""
    columns = table.select(pl.col(f"{PROBABILITY}{name}").cast(pl.Float32, strict=False) for name in names)
    wrong = columns.with_row_index("row").filter(
        ~pl.all_horizontal(pl.exclude("row").is_between(0, LARGEST_PROBABILITY).fill_null(value=False))
    )
    if wrong.height:
        raise ArtifactError(
            f"{path}, row {wrong['row'][0] + 1:,}: probabilities must be numbers from 0 to 1; got "
            f"{first_five(table.select(columns.columns).row(wrong['row'][0]))}, and so in {wrong.height - 1:,} more. Write "
            "probabilities, not logits or percent"
        )
    return columns.to_numpy()
