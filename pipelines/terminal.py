"""How names of files and tables of them are printed."""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table

from dataprep.core.name_encoding import encode_name, printable


def shown(name: str) -> str:
    """A name of the file system as text that a terminal takes."""
    return printable(encode_name(name))


def plain_console() -> Console:
    """Prints other people's names as they are."""
    return Console(markup=False, emoji=False, highlight=False)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table; a terminal that is too narrow for its words gets a list, so that nothing is cut off.

        cifar-cnn
          data: CIFAR-10
          score: test accuracy 0.801

    Args:
        headings: of the columns; the first column names the row.
        rows: as many cells each.
    """
    console = plain_console()
    columns = [Column(heading, no_wrap=number == 0) for number, heading in enumerate(headings)]
    table = Table(*columns)
    for row in rows:
        table.add_row(*row)
    with console.capture() as captured:
        console.print(table)
    if captured.get().count("…") <= sum(cell.count("…") for row in rows for cell in row):  # Rich's mark of what is cut off
        console.print(table)
        return
    for name, *cells in rows:
        console.print(name)
        for heading, cell in zip(headings[1:], cells, strict=True):
            console.print(Padding.indent(f"{heading}: {cell}", 2))
