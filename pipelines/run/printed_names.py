"""How names of files and tables of them are printed."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table

from dataprep.core.name_encoding import encode_name, printable

_READABLE = 14
"""Columns of a terminal in which text can be read that is wrapped."""

_BORDERS = 3
"""Columns of a terminal that stand around each cell."""


def shown(name: str) -> str:
    """A name of the file system as text that a terminal takes."""
    return printable(encode_name(name))


def plain_console() -> Console:
    """Prints other people's names as they are."""
    return Console(markup=False, emoji=False, highlight=False)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table; on a terminal that is too narrow for it a list, so that nothing is cut off.

        cifar-cnn
          data: CIFAR-10
          score: test accuracy 0.801

    Args:
        headings: of the columns; the first column names the row.
        rows: as many cells each.
    """
    console = plain_console()
    table = Table(*[Column(heading, no_wrap=number == 0, overflow="fold") for number, heading in enumerate(headings)])
    for row in rows:
        table.add_row(*row)
    first, *others = [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)]
    if first + sum(min(width, _READABLE) for width in others) + _BORDERS * len(headings) + 1 <= console.width:
        console.print(table)
        return
    for name, *cells in rows:
        console.print(name)
        for heading, cell in zip(headings[1:], cells, strict=True):
            console.print(Padding.indent(f"{heading}: {cell}", 2))
