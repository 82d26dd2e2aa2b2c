"""Cells of CSV files that people open in a spreadsheet: none is run, and each text comes back as it was.

A spreadsheet takes a cell for a formula that begins with =, +, - or @, also behind a tab or a return, and names of files and
folders are other people's text. Such a cell has one apostrophe in front, and so has one that begins with an apostrophe itself.
"""

_ENCODED = ("=", "+", "-", "@", "\t", "\r", "'")


def encode_cell(text: str) -> str:
    """The cell that stands for a text. Commas, quotes and line ends are left to whatever writes the CSV.

    >>> encode_cell("=1+1"), encode_cell("'tis"), encode_cell("7/a.png")
    ("'=1+1", "''tis", '7/a.png')
    """
    return f"'{text}" if text.startswith(_ENCODED) else text


def decode_cell(cell: str) -> str:
    """The text that a cell stands for: one apostrophe at its start is taken away.

    >>> decode_cell("'=1+1"), decode_cell("''tis"), decode_cell("7/a.png")
    ('=1+1', "'tis", '7/a.png')
    """
    return cell.removeprefix("'")
