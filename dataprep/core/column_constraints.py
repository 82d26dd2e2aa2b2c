"""The allowed values of the columns of a table, declared with the table's format, and the function that checks them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from dataprep.core.errors import first_five, shortened

NO_CONTROLS = r"^\P{Cc}+$"
"""Text that is not empty and fits on one line."""


@dataclass(frozen=True, slots=True)
class Values:
    """The allowed values of one column, beside its type. Floating-point values must always be finite.

    Attributes:
        nullable: whether a value may be missing.
        among: the closed list of values, if there is one.
        least: the smallest value.
        most: the largest value.
        pattern: a regular expression that texts match.
        ascending: each value is above the one before it, so all differ.
    """

    nullable: bool = False
    among: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    pattern: str | None = None
    ascending: bool = False


def first_mistake(frame: pl.DataFrame, values: Mapping[str, Values], rules: Mapping[str, pl.Expr]) -> str | None:
    """Finds the first value that its column does not allow.

    Args:
        frame: the columns to check; columns that `values` does not name may hold nulls.
        values: allowed values by column.
        rules: expressions that are true or null in each row, by the clause that they check. A rule on a column that is missing
            is skipped. The error shows the value of the first column of the expression.

    Returns:
        A clause with the row (from 0 on), what was expected and what was there; None where all is right.
    """
    checks = [check for name in frame.columns for check in _checks(name, frame.schema[name], values.get(name, _ANY))]
    for clause, rule in rules.items():
        if set(rule.meta.root_names()) <= set(frame.columns):
            checks.append((rule.meta.root_names()[0], clause, ~rule))
    if not checks:
        return None
    found = frame.select(broken.any().alias(str(number)) for number, (_, _, broken) in enumerate(checks)).row(0)
    for (name, clause, broken), is_broken in zip(checks, found, strict=True):
        if is_broken:
            row = frame.with_row_index("row number").filter(broken).head(1)
            return f"row {row['row number'][0]:,}: {clause}; got {shortened(row[name].to_list()[0])}"
    return None


def _checks(name: str, kind: pl.DataType, values: Values) -> Iterator[tuple[str, str, pl.Expr]]:
    """The checks of a column: its name, the clause, and the rows that break it."""
    column = pl.col(name)
    if not values.nullable:
        yield name, f"{name} must have a value", column.is_null()
    if kind.is_float():
        yield name, f"{name} must be a finite number", ~column.is_finite()
    if isinstance(kind, pl.List):
        yield name, f"{name} must have no gaps", column.list.drop_nulls().list.len() != column.list.len()
    if values.among:
        yield name, f"{name} must be one of {first_five(values.among)}", ~column.is_in(values.among)
    if values.least is not None:
        yield name, f"{name} must be at least {values.least:,}", column < values.least
    if values.most is not None:
        yield name, f"{name} must be at most {values.most:,}", column > values.most
    if values.pattern is not None:
        yield name, f"{name} must match {values.pattern}", ~column.str.contains(values.pattern)
    if values.ascending:
        yield name, f"{name} must be above that of the row before", column <= column.shift(1)


_ANY = Values(nullable=True)
