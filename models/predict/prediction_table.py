"""Predictions as rows: of a CSV that a spreadsheet may open, of Parquet, or of lines of JSON."""

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias, get_args

import polars as pl

from dataprep.core.artifacts import TableFormat, encode_table
from dataprep.core.spreadsheet_cells import encode_cell
from models.predict.prediction import Prediction

Form: TypeAlias = Literal["csv", "parquet", "jsonl"]
FORMS: tuple[Form, ...] = get_args(Form)

PREDICTED = TableFormat(
    kind="predicted files",
    version=1,
    columns={
        "path": pl.String(),
        "class": pl.String(),  # the most probable one; null of a file that was refused, as all but reason and message
        "confidence": pl.Float32(),
        "second": pl.String(),
        "second_confidence": pl.Float32(),
        "third": pl.String(),
        "third_confidence": pl.Float32(),
        "accepted": pl.Boolean(),  # null where there is no reference
        "unlike_training": pl.String(),  # reasons, separated by "; "; empty of a usual image, null where there is no reference
        "reason": pl.String(),  # why a file was refused, as in the manifest
        "message": pl.String(),
    },
    stage="predict",
)

_TEXTS = [name for name, kind in PREDICTED.columns.items() if kind == pl.String()]


def prediction_frame(predictions: Iterable[Prediction]) -> pl.DataFrame:
    """One row for each prediction."""
    return pl.DataFrame([_row(own) for own in predictions], schema=PREDICTED.columns, orient="row")


def encode_rows(frames: Iterable[pl.DataFrame], form: Form) -> Iterator[bytes | memoryview]:
    """The bytes of a file, piece by piece: memory does not grow with the rows, except for Parquet.

    Args:
        frames: from `prediction_frame`.
        form: of the file.
    """
    if form == "parquet":
        yield encode_table(pl.concat([pl.DataFrame(schema=PREDICTED.columns), *frames]), PREDICTED)
        return
    if form == "csv":
        yield (",".join(PREDICTED.columns) + "\n").encode()
    for frame in frames:
        yield (frame.write_ndjson() if form == "jsonl" else _as_cells(frame).write_csv(include_header=False)).encode()


def _as_cells(frame: pl.DataFrame) -> pl.DataFrame:
    """Names of files and classes are other people's text: no cell is a formula."""
    return frame.with_columns(pl.col(name).map_elements(encode_cell, return_dtype=pl.String) for name in _TEXTS)


def _row(own: Prediction) -> tuple[object, ...]:
    answers = [(answer.class_name, answer.probability) for answer in own.top]
    answers += [(None, None)] * (3 - len(answers))  # type: ignore[list-item]
    unlike = None if own.unlike is None else "; ".join(own.unlike)
    reason, message = (own.refused.reason, own.refused.message) if own.refused else (None, None)
    return (own.name, *answers[0], *answers[1], *answers[2], own.accepted, unlike, reason, message)
