"""Folders that cannot be listed, and empty ones: which classes may be missing because of them.

A folder that cannot be listed, or that is a link, may hold a whole class. Counted as one file, it would pass every limit.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from dataprep.core.errors import SourceError, first_five
from dataprep.core.name_encoding import decode_name, encode_name, printable
from dataprep.source.path_pattern import compile_pattern, read_paths

UNKNOWN = {
    "unreadable_folder": "cannot be listed",
    "link_to_folder": "is a link, and links are not followed",
}
"""Reasons of `scan` for entries that may hold any number of files, and the words for them."""

_MEND = {
    "unreadable_folder": "give this user the right to list it",
    "link_to_folder": "put the folder itself in the place of its link (move it, or mount --bind)",
}

_TAILS = 1000
"""The number of paths that show what folders contain."""


_LABELS, _FEWEST_TAILS = 100_000, 20
"""About how many labels are read for all folders together, and how many for one folder at least."""


def check_folders(found: pl.DataFrame, pattern: str) -> None:
    """Refuses a source of which a part is unknown.

    Args:
        found: from `scan`.
        pattern: as in ingest.pattern; it says which class such a folder would be.

    Raises:
        SourceError: a folder cannot be listed, or is a link.
    """
    unknown = unlisted_folders(found, pattern)
    if unknown:
        kinds = [kind for kind in UNKNOWN if kind in set(found["reason"])]
        raise SourceError(
            f"ingest.source must be known as a whole, since a class may be missing without a word; of {len(unknown):,} "
            f"{'folder' if len(unknown) == 1 else 'folders'} it is not known what they hold: {_several(unknown)}. "
            f"To mend it, {' and '.join(_MEND[kind] for kind in kinds)}; or list the name in ingest.skip, to leave it out"
        )


def unlisted_folders(found: pl.DataFrame, pattern: str) -> list[str]:
    """One phrase for each folder whose content is unknown: its name, the class that the pattern gives it, why."""
    rows = found.filter(pl.col("reason").is_in(list(UNKNOWN))).select("path", "reason").rows()
    if not rows:
        return []
    compiled, tails = compile_pattern(pattern), _tails_by_depth([path for path, _ in rows], _some_files(found))
    return [f"{printable(path)!r}{_classes(_labels(path, tails, compiled))} {UNKNOWN[reason]}" for path, reason in rows]


def folder_warnings(found: pl.DataFrame, empty: Sequence[bytes], pattern: str, class_names: Iterable[str]) -> list[str]:
    """Says which folders are unknown, and which classes have a folder and no file.

    Args:
        found: from `scan`.
        empty: folders without a file, from `list_source`.
        pattern: as in ingest.pattern.
        class_names: those that have files, as they are printed.
    """
    warnings = []
    unknown = unlisted_folders(found, pattern)
    if unknown:
        warnings.append(f"ingest will stop, since it is not known what these folders hold: {_several(unknown)}")
    lacking = empty_classes(found, empty, pattern, class_names)
    if lacking:
        warnings.append(f"there are empty folders of {len(lacking):,} class{'es' * (len(lacking) > 1)}: {first_five(lacking)}")
    return warnings


def empty_classes(found: pl.DataFrame, empty: Sequence[bytes], pattern: str, class_names: Iterable[str]) -> list[str]:
    """The classes that have an empty folder and no file anywhere; arguments as of `folder_warnings`."""
    if not empty:
        return []
    compiled, known = compile_pattern(pattern), set(class_names)
    tails = _tails_by_depth(empty, _some_files(found))
    by_folder = [_labels(folder, tails, compiled) for folder in empty]
    return sorted({label for labels in by_folder if len(labels) == 1 for label in labels} - known)


def _some_files(found: pl.DataFrame) -> list[str]:
    paths = found.filter(pl.col("reason").is_null())["path"]
    return [decode_name(path) for path in paths.gather_every(max(1, len(paths) // _TAILS)).to_list()]


def _tails_by_depth(folders: Sequence[bytes], paths: Sequence[str]) -> dict[int, list[str]]:
    """What folders of the same depth contain; computed once per depth, since there may be thousands of folders."""
    tails = {}
    most = max(_FEWEST_TAILS, _LABELS // max(1, len(folders)))
    for depth in {_depth(folder) for folder in folders}:
        below = {parts[depth] for path in paths if len(parts := path.split("/", depth)) > depth} or {"1.png"}
        tails[depth] = sorted(below)[:: -(-len(below) // most)]
    return tails


def _depth(folder: bytes) -> int:
    return folder.count(b"/") + 1


def _labels(folder: bytes, tails: Mapping[int, Sequence[str]], compiled: re.Pattern[str]) -> list[str]:
    """The labels that files of this folder would have, if they were named like files in folders of the same depth."""
    name = decode_name(folder)
    facts = read_paths([f"{name}/{tail}" for tail in tails[_depth(folder)]], compiled)
    return sorted({printable(encode_name(fact.label)) for fact in facts if fact is not None})


def _classes(labels: list[str]) -> str:
    return f" (class{'es' * (len(labels) > 1)} {first_five(labels)})" if labels else ""


def _several(phrases: list[str]) -> str:
    return "; ".join(phrases[:5]) + (f"; and {len(phrases) - 5:,} more" if len(phrases) > 5 else "")
