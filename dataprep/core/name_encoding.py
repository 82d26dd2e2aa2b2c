"""File names as bytes and as text: always UTF-8, whatever the locale, so that a folder gives the same data set everywhere.

`os.fsencode` and `os.fsdecode` use the locale: under ISO-8859-1 they turn the class `café` into another one.
"""

import os
import re
from hashlib import blake2b

from dataprep.core.errors import on_one_line

_LOOKS_ESCAPED = re.compile(r"\\|~[0-9a-f]{8}$")


def decode_name(name: bytes) -> str:
    r"""A name as text; a byte that is no UTF-8 becomes a lone surrogate, which `encode_name` turns back.

    >>> decode_name("café".encode()), decode_name(b"\xff")
    ('café', '\udcff')
    """
    return name.decode("utf-8", "surrogateescape")


def encode_name(name: str | os.PathLike[str]) -> bytes:
    """The bytes of a path, or of a part of one, as the file system has them."""
    return os.fspath(name).encode("utf-8", "surrogateescape")


def printable(path: bytes) -> str:
    r"""A relative path as text that is safe to print. What is not printable is escaped, and a hash keeps such an id unique.

    A name that only looks escaped gets a hash too, since another file may really have that escaped name.

    >>> printable("7/é.png".encode())
    '7/é.png'
    >>> printable(b"7/\xff.png")
    '7/\\xff.png~b83e0b29'
    >>> printable(b"7/a\nb.png")
    '7/a\\nb.png~29a2f5ff'
    """
    text = path.decode("utf-8", "backslashreplace")
    shown = on_one_line(text)
    if encode_name(shown) == path and not _LOOKS_ESCAPED.search(shown):
        return shown
    return f"{shown}~{blake2b(path, digest_size=4).hexdigest()}"
