import csv
import io

from hypothesis import example, given
from hypothesis import strategies as st

from dataprep.core.spreadsheet_cells import decode_cell, encode_cell

RUN = "=+-@\t\r"
"""What makes a spreadsheet take a cell for a formula when a cell begins with it."""

texts = st.text(st.characters(codec="utf-8")) | st.text("=+-@'\t\r\n,;\"a")


@given(texts)
def test_a_cell_is_not_run_and_holds_its_text(text: str) -> None:
    cell = encode_cell(text)
    assert not cell.startswith(tuple(RUN))
    assert decode_cell(cell) == text


@given(texts, texts)
@example("=1", "'=1")
def test_different_texts_have_different_cells(one: str, other: str) -> None:
    assert (encode_cell(one) == encode_cell(other)) == (one == other)


@given(st.lists(texts, min_size=2, max_size=3))
def test_cells_come_back_from_a_csv(row: list[str]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow(map(encode_cell, row))
    file.seek(0)
    assert [list(map(decode_cell, cells)) for cells in csv.reader(file)] == [row]


def test_every_naughty_string_comes_back(naughty_names: list[bytes]) -> None:
    names = [name.decode(errors="replace") for name in naughty_names]
    assert [decode_cell(encode_cell(name)) for name in names] == names
    assert sum(encode_cell(name) != name for name in names) >= 10
