"""Corrections: what a person decided about single images. The report exports them as a CSV, which `ingest.corrections` names.

    path,mark,label
    7/0412.png,wrong_label,1
    7/0413.png,exclude,
    '=7/0414.png,fine,

The path is the id in the manifest. Cells are as `spreadsheet_cells` writes them. What spreadsheets save is read as well: a byte
order mark, any line ends, semicolons in the place of commas, and empty rows.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import polars as pl

from dataprep.core.artifacts import read_bytes
from dataprep.core.errors import ParamsError, SourceError, did_you_mean, first_five, on_one_line, shortened
from dataprep.core.spreadsheet_cells import decode_cell
from dataprep.store.manifest import SKIPPED, Correction

HEADER = ["path", "mark", "label"]
MARKS: tuple[str, ...] = get_args(Correction)

NO_CORRECTIONS = pl.DataFrame(schema={"id": pl.String, "correction": pl.String, "corrected_label": pl.String})

_LARGEST = 2**27  # bytes, which is more than a million rows


def read_corrections(path: str | None) -> pl.DataFrame:
    """Reads what a person decided.

    Args:
        path: of the CSV; None is no corrections.

    Returns:
        Columns id, correction (one of `MARKS`) and corrected_label (null but for wrong_label), one row for each id.

    Raises:
        ParamsError: there is no such file.
        SourceError: it is no such CSV, a mark is unknown, a label is missing, superfluous or no name, or rows disagree.
    """
    if path is None:
        return NO_CORRECTIONS
    name = on_one_line(path)
    decided: dict[str, tuple[str, str | None]] = {}
    rows: dict[str, int] = {}
    for number, cells in _read_rows(path, name):
        image_id, correction, label = _check_row(cells, f"{name}, row {number:,}")
        earlier = decided.setdefault(image_id, (correction, label))
        first = rows.setdefault(image_id, number)
        if earlier != (correction, label):
            raise SourceError(
                f"{name}: rows of one path must agree; {shortened(image_id)} is {_in_words(*earlier)} in row {first:,} and "
                f"{_in_words(correction, label)} in row {number:,}. Remove one of them"
            )
    table = [(image_id, *decision) for image_id, decision in decided.items()]
    return pl.DataFrame(table, schema=NO_CORRECTIONS.schema, orient="row")


def apply_corrections(rows: pl.DataFrame, corrections: pl.DataFrame) -> pl.DataFrame:
    """Gives images the labels that a person gave them, and takes out those that a person excluded.

    Args:
        rows: columns id, label, reason and message.
        corrections: from `read_corrections`.

    Returns:
        The rows with `given_label`, the label that the path says, and `correction`. What was skipped stays so.
    """
    joined = rows.join(corrections, on="id", how="left", maintain_order="left")
    skipped = pl.col("reason").is_in(SKIPPED).fill_null(value=False)
    excluded = pl.col("correction").eq_missing(pl.lit("exclude")) & ~skipped
    return joined.with_columns(
        given_label="label",
        label=pl.coalesce("corrected_label", "label"),
        reason=pl.when(excluded).then(pl.lit("excluded")).otherwise("reason"),
        message=pl.when(excluded).then(pl.lit("excluded by a person, in ingest.corrections")).otherwise("message"),
    ).drop("corrected_label")


def correction_warnings(manifest: pl.DataFrame, corrections: pl.DataFrame) -> list[str]:
    """Names corrections of files that are not there, and classes that only corrections make."""
    warnings = []
    gone = corrections.join(manifest, on="id", how="anti")["id"].sort()
    if len(gone):
        warnings.append(
            f"{len(gone):,} of {corrections.height:,} corrections are of no file in ingest.source: {first_five(gone)}"
        )
    known = manifest["given_label"].unique().implode()
    new = manifest.filter(pl.col("correction") == "wrong_label", ~pl.col("label").is_in(known))["label"]
    if len(new):
        classes = new.unique().sort()
        warnings.append(
            f"{len(classes):,} label{' is' if len(classes) == 1 else 's are'} in ingest.corrections and in no path, of "
            f"{len(new):,} image{'s' * (len(new) > 1)}: {first_five(classes)}. If this is no new class, correct it there"
        )
    return warnings


def _read_rows(path: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """The rows below the header, each with its number as a spreadsheet counts them, and of three cells."""
    text = _read_text(path, name)
    try:
        separator = next((sign for sign in ",;" if next(_parse(text, sign), None) == HEADER), None)
        if separator is None:
            first = text.splitlines()[0] if text else ""
            raise SourceError(f"{name}: the first row must be {','.join(HEADER)}; got {shortened(first)}. Export it anew")
        for number, row in enumerate(_parse(text, separator), start=1):
            if number == 1 or not any(row):
                continue
            if any(row[len(HEADER) :]):
                raise SourceError(
                    f"{name}, row {number:,}: must have {len(HEADER)} cells, {', '.join(HEADER)}; got {len(row):,}. Put a path "
                    "with commas in double quotes"
                )
            # Spreadsheets leave out empty cells at the end of a row.
            yield number, [*row, "", ""][: len(HEADER)]
    except csv.Error as error:
        raise SourceError(f"{name} must be a CSV; it cannot be read as one ({error}). Export it anew") from error


def _parse(text: str, separator: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)


def _read_text(path: str, name: str) -> str:
    try:
        content = read_bytes(Path(path), most=_LARGEST)
    except OSError as error:
        raise ParamsError(
            f"params.yaml: ingest.corrections must be a CSV with {', '.join(HEADER)}; {name!r} cannot be read "
            f"({error.strerror}). Correct the path, or leave it empty for no corrections"
        ) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{name} must be text in UTF-8; byte {error.start:,} is none. Save it as CSV UTF-8, or export it anew"
        ) from error


def _check_row(cells: list[str], where: str) -> tuple[str, str, str | None]:
    """The id, the correction, and the label of a wrong one."""
    image_id, mark, label = map(decode_cell, cells)
    if not image_id:
        raise SourceError(f"{where}: path must be that of an image; it is empty. Write it, or remove the row")
    if mark not in MARKS:
        raise SourceError(
            f"{where}: mark must be one of {', '.join(MARKS)}; got {shortened(mark)}. {did_you_mean(mark, MARKS)}"
        )
    if mark != "wrong_label":
        if label:
            raise SourceError(f"{where}: label must be empty for {mark}; got {shortened(label)}. Clear it, or mark wrong_label")
        return image_id, mark, None
    if not label.strip():
        raise SourceError(f"{where}: label must be the right class of {shortened(image_id)}; it is empty. Write it")
    if not label.isprintable() or "/" in label:
        raise SourceError(
            f"{where}: label must be the name of a class, without slashes and control characters; got {shortened(label)}. "
            "Correct it"
        )
    return image_id, mark, label


def _in_words(correction: str, label: str | None) -> str:
    return correction if label is None else f"{correction} {shortened(label)}"
