"""Proposes which columns of a table name the images, their labels, groups, splits and origins. Contents decide, names help."""

from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from dataprep.config.ingest import LabelTableConfig
from dataprep.core.errors import SourceError, first_five, on_one_line
from dataprep.ingest.label_table import num_found, read_columns
from dataprep.source.path_pattern import split_named

_NAMES = {
    "label": ("label", "class", "category", "target", "diagnosis", "species", "breed", "digit", "tag", "y"),
    "group": ("group", "writer", "patient", "subject", "person", "author", "user", "speaker", "session", "individual"),
    "split": ("split", "set", "subset", "partition", "usage", "fold"),
    "origin": ("origin", "source", "camera", "device", "scanner", "site"),
}
"""What such columns are called, the most usual first."""

_MOST_CLASSES = 0.5
"""Of the rows: a column of more different values holds no classes."""


def propose_columns(file: Path, paths: Sequence[bytes]) -> LabelTableConfig:
    """Proposes the section `ingest.labels` for a table.

    Args:
        file: a CSV, TSV or Parquet.
        paths: of the files below the source, relative.

    Raises:
        ParamsError, SourceError: it cannot be read, or no column names the files or holds classes.
    """
    table, name = read_columns(file), on_one_line(str(file))
    found = {column: num_found(table[column].drop_nulls(), paths) for column in table.columns}
    path = max(found, key=lambda column: found[column], default=None)
    if path is None or not found[path]:
        raise SourceError(
            f"{name}: a column must name the files below SOURCE; none of {first_five(table.columns)} does. Write paths "
            "relative to SOURCE, or names of files, into one"
        )
    rest = [column for column in table.columns if column != path]
    chosen: dict[str, str | None] = {}
    for field, fits in _FITS.items():
        chosen[field] = _by_name(table.select(rest), field, fits)
        rest = [column for column in rest if column != chosen[field]]
    label = chosen["label"] or next((column for column in rest if _holds_classes(table[column])), None)
    if label is None:
        raise SourceError(
            f"{name}: a column must hold the labels, few different values; {first_five(table.columns)} do not. Name it label"
        )
    return LabelTableConfig(file=str(file), path=path, **{**chosen, "label": label})  # type: ignore[arg-type]


def _by_name(table: pl.DataFrame, field: str, fits: Callable[[pl.Series], bool]) -> str | None:
    """The column that is called as the field usually is, and holds such values."""
    for word in _NAMES[field]:
        for column in table.columns:
            words = column.lower().replace("-", "_").replace(" ", "_").split("_")
            if word in words and fits(table[column]):
                return column
    return None


def _holds_classes(column: pl.Series) -> bool:
    values = column.drop_nulls()
    return 2 <= values.n_unique() <= max(2.0, _MOST_CLASSES * len(values))


def _holds_splits(column: pl.Series) -> bool:
    words = column.drop_nulls().unique().to_list()
    return "train" in map(split_named, words) and all(split_named(word) is not None for word in words)


_FITS: dict[str, Callable[[pl.Series], bool]] = {
    "split": _holds_splits,
    "label": _holds_classes,
    "group": _holds_classes,
    "origin": _holds_classes,
}
