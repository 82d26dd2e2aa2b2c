import polars as pl
import pytest

from dataprep.core.column_constraints import NO_CONTROLS, Values, first_mistake

RULES = {"high must be above low": pl.col("high") > pl.col("low")}


@pytest.mark.parametrize(
    ("column", "values", "fault"),
    [
        (["a", None], Values(), "row 1: x must have a value; got None"),
        (["a", None], Values(nullable=True), None),
        ([0.5, float("nan")], Values(), "row 1: x must be a finite number; got nan"),
        ([float("-inf"), None], Values(nullable=True), "row 0: x must be a finite number; got -inf"),
        ([["a"], ["b", None]], Values(), "row 1: x must have no gaps; got ['b', None]"),
        ([["a"], []], Values(), None),
        (["a", "c"], Values(among=("a", "b")), "row 1: x must be one of 'a', 'b'; got 'c'"),
        ([1, -1], Values(least=0), "row 1: x must be at least 0; got -1"),
        ([1, 1001], Values(most=1000), "row 1: x must be at most 1,000; got 1001"),
        (["é", "a\n"], Values(pattern=NO_CONTROLS), r"row 1: x must match ^\P{Cc}+$; got 'a\n'"),
        (["a", "b", "b"], Values(ascending=True), "row 2: x must be above that of the row before; got 'b'"),
        (["a", "B"], Values(ascending=True), "row 1: x must be above that of the row before; got 'B'"),
        (["B", "a", "é"], Values(ascending=True), None),
        ([], Values(among=("a",)), None),
    ],
)
def test_the_first_value_that_breaks_a_promise_is_named(column: list[object], values: Values, fault: str | None) -> None:
    assert first_mistake(pl.DataFrame({"x": column}), {"x": values}, {}) == fault


def test_a_rule_is_asked_where_its_columns_are_there() -> None:
    frame = pl.DataFrame({"high": [2, None, 1], "low": [1, 1, 1]})
    assert first_mistake(frame, {}, RULES) == "row 2: high must be above low; got 1"
    assert first_mistake(frame.select("high"), {}, RULES) is None
    assert first_mistake(frame.select(), {}, RULES) is None
