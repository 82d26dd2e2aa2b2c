"""A folder within a raw folder that holds a copy of what lies beside it, as unpacking an archive twice leaves it.

cats/1.jpg   animals/cats/1.jpg     without `animals/` each path below it is that of another file
dogs/1.jpg   animals/dogs/1.jpg
"""

from collections import Counter
from collections.abc import Sequence

_SHARE = 0.9
"""Of the files below such a folder, so many are there without it."""

_MAX_DEPTH = 4


def nested_copies(paths: Sequence[str]) -> list[str]:
    """The names of folders that only repeat what lies beside them.

    Args:
        paths: relative posix paths.

    >>> nested_copies(["cats/1.jpg", "dogs/2.jpg", "animals/cats/1.jpg", "animals/Dogs/2.jpg"])
    ['animals']
    """
    folders = {path.rpartition("/")[0].casefold() for path in paths}
    if not any(_without(folder.split("/"), level) in folders for folder in folders for level in range(_levels(folder))):
        return []  # as a rule, and there are far fewer folders than files
    known = {path.casefold() for path in paths}
    inside: Counter[tuple[str, ...]] = Counter()
    repeated: Counter[tuple[str, ...]] = Counter()
    for path in paths:
        parts = path.split("/")
        for level in range(min(len(parts) - 1, _MAX_DEPTH)):
            folder = tuple(parts[: level + 1])
            inside[folder] += 1
            repeated[folder] += _without(parts, level).casefold() in known
    copies = {folder for folder, count in inside.items() if repeated[folder] >= _SHARE * count}
    outermost = {folder for folder in copies if folder[:-1] not in copies}
    names = {folder[-1] for folder in outermost}
    # A name that also stands elsewhere would take away more than copies.
    elsewhere = {folder[-1] for folder in inside if folder not in copies}
    return sorted(names - elsewhere)


def _levels(folder: str) -> int:
    return min(folder.count("/") + 1, _MAX_DEPTH) if folder else 0


def _without(parts: Sequence[str], level: int) -> str:
    return "/".join([*parts[:level], *parts[level + 1 :]])


def common_folder(paths: Sequence[str]) -> str:
    """The folder that holds all files, relative; empty where they lie in several.

    >>> common_folder(["set/a/1.png", "set/b/2.png"]), common_folder(["a/1.png", "b/2.png"])
    ('set', '')
    """
    folders = [path.split("/")[:-1] for path in paths]
    shared = []
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "/".join(shared)
