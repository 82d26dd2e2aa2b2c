"""What the columns of a table hold, declared beside the table's format, and the one function that holds a table to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from dataprep.core.errors import first_five, shortened

NO_CONTROLS = r"^\P{Cc}+$"
"""Text that is not empty and fits on one line."""


@dataclass(frozen=True, slots=True)
class Values:
    """What the values of one column may be, beside their type. Floating-point values are finite in any case.

    Attributes:
        nullable: whether a value may be missing.
        among: the closed list of values, if there is one.
        least: the smallest value.
        most: the largest value.
        pattern: a regular expression that texts match.
        ascending: each value is above the one before it, so none is there twice.
    """

    nullable: bool = False
    among: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    pattern: str | None = None
    ascending: bool = False


def first_fault(frame: pl.DataFrame, values: Mapping[str, Values], rules: Mapping[str, pl.Expr]) -> str | None:
    """Finds the first value that is not what its column promises.

    Args:
        frame: the columns to look at; those that `values` does not name may hold nulls.
        values: by column.
        rules: by the clause that they stand for, expressions that are true or null in each row. Those of columns that are not
            there are left out; the first column of an expression is the one whose value is shown.

    Returns:
        A clause that names the row (from 0 on), what was expected and what is there; None where all is as promised.
    """
    promises = [promise for name in frame.columns for promise in _promises(name, frame.schema[name], values.get(name, _ANY))]
    for clause, rule in rules.items():
        if set(rule.meta.root_names()) <= set(frame.columns):
            promises.append((rule.meta.root_names()[0], clause, ~rule))
    if not promises:
        return None
    found = frame.select(broken.any().alias(str(number)) for number, (_, _, broken) in enumerate(promises)).row(0)
    for (name, clause, broken), is_broken in zip(promises, found, strict=True):
        if is_broken:
            row = frame.with_row_index("row number").filter(broken).head(1)
            return f"row {row['row number'][0]:,}: {clause}; got {shortened(row[name].to_list()[0])}"
    return None


def _promises(name: str, kind: pl.DataType, values: Values) -> Iterator[tuple[str, str, pl.Expr]]:
    """Of each promise of a column its name, the clause, and where it is broken."""
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
