"""Class names that a person takes for the same: `cat` and `Cat `, two Unicode forms of é, a Cyrillic letter in a Latin word."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

_SHOWN = 3

_CYRILLIC = (
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u051a\u051c"
    "\u04ae\u0430\u0435\u0455\u0456\u0458\u043e\u0440\u0441\u0443\u0445\u04bb\u0501\u051b\u051d\u04cf"
)
_GREEK = (
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03b1\u03bd"
    "\u03bf\u03c1\u03f3\u03b9\u03c5"
)
_LATIN = str.maketrans(_CYRILLIC + _GREEK, "ABESIJKMHOPCTXQWYaesijopcyxhdqwl" + "ABEZHIKMNOPTYXavopjiu")
"""Letters that most fonts draw like a Latin one: the common ones of Cyrillic and Greek in confusables.txt of Unicode TR39."""

_ESCAPE = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})")
_HASH = re.compile(r"~[0-9a-f]{8}$")


def look_alikes(class_names: Iterable[str]) -> list[tuple[str, ...]]:
    """Finds classes whose names differ in case, white space, invisible signs, Unicode form or look-alike letters only.

    Args:
        class_names: as they stand in the manifest, or as the paths say them.

    Returns:
        Each group of two or more, sorted.
    """
    groups: dict[str, set[str]] = {}
    for name in class_names:
        joined = {name}.union(*(groups.get(key, ()) for key in _keys(name)))
        groups |= {key: joined for other in joined for key in _keys(other)}
    return sorted({tuple(sorted(names)) for names in groups.values() if len(names) > 1})


def look_alike_warnings(class_names: Iterable[str]) -> list[str]:
    """One line that names the groups of `look_alikes`, or none."""
    groups = look_alikes(class_names)
    if not groups:
        return []
    shown = "; ".join(", ".join(_shown(names)) for names in groups[:_SHOWN])
    more = f" and {len(groups) - _SHOWN:,} more" if len(groups) > _SHOWN else ""
    return [
        "these classes differ only in case, white space, Unicode form or look-alike letters, and train as different ones: "
        f"{shown}{more}. Rename their folders where they are one class"
    ]


def _keys(name: str) -> set[str]:
    """Names with a common key look alike."""
    return {_seen(name).casefold(), _seen(name).translate(_LATIN).casefold()}


def _seen(name: str) -> str:
    """The visible signs of a name, without white space. A name that ends in a hash was escaped for the manifest."""
    if _HASH.search(name):
        name = _ESCAPE.sub(lambda escape: chr(int("".join(filter(None, escape.groups())), 16)), _HASH.sub("", name))
    plain = unicodedata.normalize("NFKC", name)
    return "".join(sign for sign in plain if not sign.isspace() and unicodedata.category(sign) not in ("Cf", "Cc"))


def _shown(names: Sequence[str]) -> list[str]:
    """The names, by their code points where they would look the same."""
    as_read = {unicodedata.normalize("NFKC", name).translate(_LATIN) for name in names}
    return [repr(name) if len(as_read) == len(names) else ascii(name) for name in names]
