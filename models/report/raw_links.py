"""Addresses of raw files, as the report links to them: relative, so that they say nothing of the machine."""

import os
from pathlib import Path
from urllib.parse import quote

from dataprep.core.name_encoding import encode_name
from dataprep.source.raw_folder import Source


def raw_folder_link(source: Source, page: Path) -> str | None:
    """The raw folder as a page links to it; None where that would need an absolute path or a network.

    Args:
        source: the raw folder.
        page: the file of the page, relative to the current folder as the source is.

    >>> raw_folder_link(Path("raw/my scans"), Path("reports/index.html"))
    '../raw/my%20scans'
    """
    if not isinstance(source, Path) or source.is_absolute():
        return None
    return quote(encode_name(os.path.relpath(source, page.parent)))


def raw_file_link(folder: str | None, path: bytes) -> str | None:
    """One raw file as a page links to it.

    Args:
        folder: from `raw_folder_link`.
        path: of the file below the raw folder, byte for byte.

    >>> raw_file_link("../raw", b"w1/7/a?b.png")
    '../raw/w1/7/a%3Fb.png'
    """
    return None if folder is None else f"{folder}/{quote(path)}"
