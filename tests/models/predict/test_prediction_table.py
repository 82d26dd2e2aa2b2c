import csv
import io
import json

import numpy as np
import polars as pl
import pytest

from models.predict.prediction import Answer, Prediction, Refusal
from models.predict.prediction_table import FORMS, PREDICTED, Form, encode_rows, prediction_frame

ROWS = [
    Prediction("=1+1.png", top=(Answer("@a", 0.75), Answer("b", 0.25)), accepted=True, unlike=()),
    Prediction(
        "b.png", top=(Answer("b", 0.5), Answer("c", 0.3), Answer("@a", 0.2)), accepted=False, unlike=("darker", "far, very")
    ),
    Prediction("c.png", top=(Answer("b", 1.0),)),
    Prediction("d.png", refused=Refusal("empty", "the file has 0 bytes")),
]


def encoded(form: Form) -> bytes:
    return b"".join(bytes(piece) for piece in encode_rows([prediction_frame(ROWS[:2]), prediction_frame(ROWS[2:])], form))


def numbers(line: dict[str, object]) -> dict[str, float | None]:
    """As 32-bit numbers, of which JSON has the shortest text."""
    names = ("confidence", "second_confidence", "third_confidence")
    return {name: None if line[name] is None else float(np.float32(str(line[name]))) for name in names}


def test_the_three_forms_hold_the_same() -> None:
    table = pl.read_parquet(io.BytesIO(encoded("parquet")))
    assert table.schema == PREDICTED.columns
    assert table["accepted"].to_list() == [True, False, None, None]
    assert table["unlike_training"].to_list() == ["", "darker; far, very", None, None]
    assert table["third"].to_list() == [None, "@a", None, None]
    lines = [json.loads(line) for line in encoded("jsonl").decode().splitlines()]
    assert [{**line, **numbers(line)} for line in lines] == table.to_dicts()
    rows = list(csv.DictReader(io.StringIO(encoded("csv").decode())))
    assert [row["confidence"] for row in rows] == ["0.75", "0.5", "1.0", ""]
    assert [row["reason"] for row in rows] == ["", "", "", "empty"]


def test_no_cell_of_a_spreadsheet_is_a_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(encoded("csv").decode())))
    assert (rows[0]["path"], rows[0]["class"]) == ("'=1+1.png", "'@a")


@pytest.mark.parametrize("form", FORMS)
def test_no_prediction_is_a_table_without_rows(form: Form) -> None:
    content = b"".join(bytes(piece) for piece in encode_rows([], form))
    if form == "parquet":
        assert pl.read_parquet(io.BytesIO(content)).height == 0
    else:
        assert content.decode() == ("" if form == "jsonl" else ",".join(PREDICTED.columns) + "\n")
