"""Names of files, between bytes and text: UTF-8 whatever the locale, since one folder must give one data set on all machines.

`os.fsencode` and `os.fsdecode` go by the locale: under ISO-8859-1 they turn the class `café` into another one.
"""

import os
import re
from hashlib import blake2b

from dataprep.core.errors import on_one_line

_LOOKS_ESCAPED = re.compile(r"\\|~[0-9a-f]{8}$")


def decode_name(name: bytes) -> str:
    r"""A name as text; a byte that is no UTF-8 becomes a lone surrogate, and `encode_name` gives it back.

    >>> decode_name("café".encode()), decode_name(b"\xff")
    ('café', '\udcff')
    """
    return name.decode("utf-8", "surrogateescape")


def encode_name(name: str | os.PathLike[str]) -> bytes:
    """A path, or a part of one, in the bytes by which the file system knows it."""
    return os.fspath(name).encode("utf-8", "surrogateescape")


def printable(path: bytes) -> str:
    r"""A relative path as text that is safe to show; what is not printable is escaped, and a hash keeps such an id unique.

    A name that only looks as if it had been escaped gets a hash as well: it may be that of another file.

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
