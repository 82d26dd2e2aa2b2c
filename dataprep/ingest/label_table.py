"""A table that says what images are, in the place of their paths: CSV, TSV or Parquet, with columns that the user names.

    image,class,patient          ingest.labels: {file: labels.csv, path: image, label: class, group: patient, ...}
    scans/0412.png,benign,p07

The column of paths holds paths relative to the source, or names of files, or names without their ending (as competitions write
them): the one of these by which most rows find a file, of all rows the same. Names must then be unique below the source.
"""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from dataprep.config.ingest import LabelTableConfig
from dataprep.core.artifacts import read_bytes
from dataprep.core.errors import ParamsError, SourceError, did_you_mean, first_five, in_short, on_one_line, shortened
from dataprep.core.name_encoding import decode_name, encode_name, printable
from dataprep.source.path_pattern import SPLIT_NAMES, split_named

FIELDS = ("label", "group", "split", "origin")
FACTS = {"label": pl.String(), "group": pl.String(), "given_split": pl.String(), "origin": pl.String()}

_LARGEST = 2**30  # bytes, some ten million rows
_SEPARATORS = ",;\t"


@dataclass(frozen=True, slots=True)
class TableLabels:
    """What a table says of the files that were found.

    Attributes:
        facts: columns of `FACTS`, one row for each file in the order of the files; null where the table has no row for it.
        warnings: rows without a file and rows without a label, counted. (Files without a row stand in the manifest.)
    """

    facts: pl.DataFrame
    warnings: list[str]


def find_labels(config: LabelTableConfig | None, found: pl.DataFrame) -> TableLabels | None:
    """Reads the table and finds the row of each file; None where there is no table.

    Args:
        config: the section; None = the paths say what the images are.
        found: from `scan`.

    Raises:
        ParamsError, SourceError: as `read_label_table` and `label_files` say.
    """
    if config is None:
        return None
    files = found.filter(pl.col("reason").is_null()).select("path")
    labels = label_files(read_label_table(config), files["path"].to_list(), config.file)
    facts = found.select("path").join(files.hstack(labels.facts), on="path", how="left", maintain_order="left")
    return TableLabels(facts.drop("path"), labels.warnings)


def read_columns(path: Path) -> pl.DataFrame:
    """All columns of a table, as text; an empty cell is null.

    Raises:
        ParamsError: there is no such file.
        SourceError: it is no such table.
    """
    name = on_one_line(str(path))
    try:
        content = read_bytes(path, most=_LARGEST)
    except OSError as error:
        raise ParamsError(
            f"params.yaml: ingest.labels.file must be a CSV, TSV or Parquet; {name!r} cannot be read ({error.strerror}). "
            "Correct the path, or leave ingest.labels empty for labels from the paths"
        ) from error
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pl.read_parquet(io.BytesIO(content)).select(pl.all().cast(pl.String))
        separator = _separator(content.decode("utf-8-sig"))
        return pl.read_csv(content, separator=separator, infer_schema=False, truncate_ragged_lines=False)
    except UnicodeDecodeError as error:
        raise SourceError(f"{name} must be text in UTF-8; byte {error.start:,} is none. Save it as CSV UTF-8") from error
    except (PolarsError, csv.Error) as error:
        raise SourceError(
            f"{name} must be a CSV, TSV or Parquet; it cannot be read as one ({in_short(error)}). Save it anew"
        ) from error


def _separator(text: str) -> str:
    """The sign between cells that divides the first row into most of them."""
    first = text.split("\n", 1)[0].rstrip("\r")
    return max(_SEPARATORS, key=lambda sign: len(next(csv.reader([first], delimiter=sign), [])))


def read_label_table(config: LabelTableConfig) -> pl.DataFrame:
    """The columns that the section names, as row (as a spreadsheet counts them), path, and `FACTS`; only rows with a path.

    Raises:
        ParamsError: there is no such file, or it lacks a column.
        SourceError: it is no such table, or a split is none.
    """
    table, name = read_columns(Path(config.file)), on_one_line(config.file)
    columns = {field: getattr(config, field) for field in ("path", *FIELDS) if getattr(config, field) is not None}
    for field, column in columns.items():
        if column not in table.columns:
            raise ParamsError(
                f"params.yaml: ingest.labels.{field} must be a column of {name}; got {shortened(column)}. "
                f"{did_you_mean(column, table.columns)}"
            )
    texts = {field: pl.col(column).str.strip_chars() for field, column in columns.items()}
    empty = {field: pl.lit(None, pl.String) for field in FIELDS if field not in columns}
    rows = (
        table.select(**texts, **empty)
        .with_columns(pl.col(field).replace("", None) for field in ("path", *FIELDS))
        .with_row_index("row", offset=2)
        .filter(pl.col("path").is_not_null())
    )
    words = rows.select("row", "split").drop_nulls().rows()
    if wrong := next(((row, word) for row, word in words if split_named(word) is None), None):
        raise SourceError(
            f"{name}, row {wrong[0]:,}: the split must be one of {', '.join(SPLIT_NAMES)}, or empty; got "
            f"{shortened(wrong[1])}. Correct it, or leave ingest.labels.split empty"
        )
    given = pl.Series("given_split", [None if word is None else split_named(word) for word in rows["split"]], pl.String)
    return rows.select("row", "path", "label", "group", given, "origin")


def label_files(table: pl.DataFrame, paths: Sequence[bytes], file: str) -> TableLabels:
    """Finds the row of each file.

    Args:
        table: from `read_label_table`.
        paths: of the files, relative to the source.
        file: the table's name, for messages.

    Raises:
        SourceError: no row finds a file, several files have the name in a row, or one file has several labels.
    """
    name = on_one_line(file)
    keys = _keys(table["path"], paths)
    files = pl.DataFrame({"key": keys.of_files}, schema={"key": pl.String}).with_row_index("file")
    rows = table.with_columns(key=keys.of_rows)
    if rows.join(files, on="key", how="semi").is_empty():
        raise SourceError(
            f"{name}: the column of paths must name files below ingest.source; none of {rows.height:,} rows does, for example "
            f"{first_five(rows['path'].head(2))}; files are {first_five(map(printable, paths[:2]))}. Correct ingest.labels.path"
        )
    found = rows.join(files, on="key", how="inner", maintain_order="left")
    _check_unique_names(found, paths, name)
    found = found.unique(["file", *FACTS], keep="first", maintain_order=True)
    _check_one_label(found, name)
    facts = files.join(found.select("file", *FACTS), on="file", how="left", maintain_order="left").select(
        pl.col(field).map_elements(_shown, return_dtype=pl.String) for field in FACTS
    )
    return TableLabels(facts, _warnings(rows, files, found, name))


def _shown(word: str) -> str:
    return printable(encode_name(word))


def num_found(rows: pl.Series, paths: Sequence[bytes]) -> int:
    """How many cells of a column name a file, in the way in which most do."""
    return _keys(rows, paths).num_found


@dataclass(frozen=True, slots=True)
class _Keys:
    """By what rows and files are joined, and how many rows find a file."""

    of_rows: pl.Series
    of_files: pl.Series
    num_found: int


def _keys(column: pl.Series, paths: Sequence[bytes]) -> _Keys:
    """Paths, names, or names without their ending: that by which most rows find a file."""
    files, rows = [decode_name(path) for path in paths], [_as_posix(path) for path in column]
    ways: list[Callable[[str], str]] = [_same, _name_of, lambda path: _name_of(path).rsplit(".", 1)[0]]
    found = []
    for way in ways:
        own, known = rows if way is _same else list(map(_name_of, rows)), list(map(way, files))
        count = sum(map(set(known).__contains__, own))
        found.append(_Keys(pl.Series(own, dtype=pl.String), pl.Series(known, dtype=pl.String), count))
    return max(found, key=lambda keys: keys.num_found)


def _as_posix(path: str) -> str:
    r"""A path as other systems write it: `.\cats\1.jpg` or `./cats/1.jpg`."""
    return (path.replace("\\", "/") if "/" not in path else path).removeprefix("./")


def _same(path: str) -> str:
    return path


def _name_of(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _check_unique_names(found: pl.DataFrame, paths: Sequence[bytes], name: str) -> None:
    several = (
        found.group_by("row", maintain_order=True).agg("file", pl.col("path").first()).filter(pl.col("file").list.len() > 1)
    )
    if several.is_empty():
        return
    row, files, path = several.row(0)
    raise SourceError(
        f"{name}, row {row:,}: the path must be that of one file; {shortened(path)} names {len(files):,}: "
        f"{first_five(printable(paths[file]) for file in files)}. Write paths relative to ingest.source"
        + (f"; the same in {several.height - 1:,} more rows" if several.height > 1 else "")
    )


def _check_one_label(found: pl.DataFrame, name: str) -> None:
    several = (
        found.group_by("file", maintain_order=True)
        .agg("row", "label", pl.col("path").first())
        .filter(pl.col("row").list.len() > 1)
    )
    if several.is_empty():
        return
    _, rows, labels, path = several.row(0)
    raise SourceError(
        f"{name}: an image must have one label, group, split and origin; rows {rows[0]:,} and {rows[1]:,} of "
        f"{shortened(path)} differ ({shortened(labels[0])}, {shortened(labels[1])}), and {several.height - 1:,} images "
        "more do so. Several labels for one image are not read yet: keep one row each"
    )


def table_warnings(manifest: pl.DataFrame, labels: TableLabels | None) -> list[str]:
    """One line each: rows without a file, rows without a label, images without a row. None of them stops the run."""
    if labels is None:
        return []
    bare = manifest.filter(pl.col("reason") == "unlabelled")["id"]
    if bare.is_empty():
        return labels.warnings
    return [
        *labels.warnings,
        f"images without a label in the table of ingest.labels, not used: {len(bare):,}: {first_five(bare)}",
    ]


def _warnings(rows: pl.DataFrame, files: pl.DataFrame, found: pl.DataFrame, name: str) -> list[str]:
    warnings = []
    lost = rows.join(files, on="key", how="anti")["path"]
    if len(lost):
        warnings.append(
            f"{name}: rows that name no file in ingest.source: {len(lost):,} of {rows.height:,}: {first_five(lost)}"
        )
    bare = found.filter(pl.col("label").is_null())["path"]
    if len(bare):
        warnings.append(f"{name}: rows without a label: {len(bare):,} of {rows.height:,}: {first_five(bare)}")
    return warnings
