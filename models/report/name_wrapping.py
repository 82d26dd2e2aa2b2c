"""Long names in narrow columns: where a line may end, so that none ends within a word.

A name breaks after a separator. `<wbr>` says where without adding a character, so that a name is copied as it is. A piece that
has no separator and is longer than a column breaks anywhere, as a last resort.
"""

import re

from markupsafe import Markup

LONGEST = 17
"""Characters of a piece that fits every column of the page; `script.js` has the same number."""

_PIECE = re.compile(r"[^/_.\\-]*[/_.\\-]+|[^/_.\\-]+")


def breakable(name: str) -> Markup:
    """Marks up a file name or class name, escaped.

    >>> breakable("cat/IMG_4341.JPG")
    Markup('cat/<wbr>IMG_<wbr>4341.<wbr>JPG')
    """
    pieces = [
        Markup('<span class="long">{}</span>').format(piece) if len(piece) > LONGEST else Markup.escape(piece)
        for piece in _PIECE.findall(name)
    ]
    return Markup("<wbr>").join(pieces)
