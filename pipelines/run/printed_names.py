"""How names of files and tables of them are printed."""

from rich.console import Console

from dataprep.core.name_encoding import encode_name, printable


def shown(name: str) -> str:
    """A name of the file system as text that a terminal takes."""
    return printable(encode_name(name))


def plain_console() -> Console:
    """Prints other people's names as they are."""
    return Console(markup=False, emoji=False, highlight=False)
