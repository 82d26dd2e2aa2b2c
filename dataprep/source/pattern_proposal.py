"""Proposes the pattern that fits the paths of a raw folder.

It is found from the folder levels: a level of split names is the split; of the others, the deepest one whose names recur under
the folders above it is the label, or the topmost where none does. Two cases look like this and are not:

Greek/character01/1.png, Latin/character01/1.png   the numbers begin anew in each alphabet: a class is both levels together
w_01_3/7_a.png, w_02_1/7_b.png                     folders of numbered pages; the label is what recurs in the names of files
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from dataprep.core.errors import SourceError, first_five
from dataprep.source.path_pattern import compile_pattern, split_named

RECURS = 1.5
"""A name is a label if it occurs in at least so many of the folders above, on average."""

_NUMBER = re.compile(r"\d+")
_TOKEN_END = re.compile(r"[_\-. ]")


def propose_pattern(paths: Sequence[str]) -> str:
    """Proposes the pattern for the most common depth of the paths.

    >>> propose_pattern(["w1/0/a.png", "w1/1/a.png", "w2/0/a.png", "w2/1/a.png", "w3/0/a.png", "w3/1/a.png"])
    '{group}/{label}/{name}'
    >>> propose_pattern(["train/cat/1.jpg", "train/dog/1.jpg", "test/cat/2.jpg", "test/dog/2.jpg"])
    '{split}/{label}/{name}'

    Raises:
        SourceError: the files lie in no folder, so that no level can be the label.
    """
    depth = Counter(path.count("/") for path in paths).most_common(1)[0][0] if paths else 0
    if depth == 0:
        raise SourceError(
            f"labels must stand in the names of folders; these {len(paths):,} files lie in none, for example "
            f"{first_five(paths[:2])}. Say with --pattern where the label stands, for example '{{label}}_{{name}}', or "
            "with --labels of darkroom init in which table"
        )
    above = dict.fromkeys(path.rpartition("/")[0] for path in paths if path.count("/") == depth)  # far fewer than files
    folders = [tuple(folder.split("/")) for folder in above]
    names = [{folder[level] for folder in folders} for level in range(depth)]
    fields = ["*"] * depth
    open_levels = []
    for level in range(depth):
        if "{split}" not in fields and depth > 1 and all(split_named(name) for name in names[level]):
            fields[level] = "{split}"
        elif len(names[level]) > 1 or depth == 1:
            open_levels.append(level)
    label = _label_level(folders, names, open_levels or [depth - 1])
    if _counts_anew(folders, label, fields):
        return _label_of_two_levels(fields, label)
    if label == depth - 1 and (found := _label_in_file_names(paths, folders, fields)):
        return found
    fields[label] = "{label}"
    others = [level for level in open_levels if level != label]
    if others:
        fields[max(others, key=lambda level: len(names[level]))] = "{group}"
    return "/".join([*fields, "{name}"])


def _label_level(folders: list[tuple[str, ...]], names: list[set[str]], levels: list[int]) -> int:
    """The deepest level whose names recur under the folders above it, as digits do under writers; else the topmost.

    Names that stand under one folder each, as bursts do under a class, only divide what is above them.
    """
    for level in reversed(levels[1:]):
        above = [other for other in levels if other < level]
        places = {(*(folder[other] for other in above), folder[level]) for folder in folders}
        if len(places) >= RECURS * len(names[level]):
            return level
    return levels[0]


def doubts(paths: Sequence[str], pattern: str) -> list[str]:
    """Says where a pattern that fits the folders may still be wrong, since names alone do not decide it."""
    if pattern.startswith("regex:") or not any("/" in path for path in paths):
        return []
    compiled = compile_pattern(pattern)
    places: defaultdict[str, set[str]] = defaultdict(set)
    for path in paths:
        match = compiled.fullmatch(path)
        if match is not None:
            places[match["label"]].add(path[: match.start("label")])
    names = sorted(places)
    words = {_NUMBER.sub("#", name) for name in names}
    above = set().union(*places.values())
    if len(words) != 1 or len(names) < 2:
        return []
    (word,) = words
    if word.count("#") == 1 and word != "#" and sum(map(len, places.values())) >= RECURS * len(names) and "{group}" in pattern:
        levels = pattern.split("/")
        other = _label_of_two_levels(levels, levels.index("{label}")) if "{label}" in levels[1:] else None
        if other is not None:
            return [
                f"the classes {first_five(names)} are numbered and recur under {len(above):,} folders. Where the same number "
                f"means another class in each, write the pattern {other!r}"
            ]
    if word.count("#") > 1 and len(names) >= 10:
        return [
            f"the classes {first_five(names)} are numbered folders, as writers, pages or bursts have; check that they are "
            "classes. Where the label stands in the names of files, say so with a regular expression"
        ]
    return []


def _counts_anew(folders: list[tuple[str, ...]], label: int, fields: list[str]) -> bool:
    """Whether the names of a level are numbers that start again in each folder above, and so mean something else in each.

    In most folders they run without a gap, from the same first number to another last one. (Digits under writers end with
    the same one, or have gaps.)
    """
    if label == 0 or fields[label - 1] != "*" or len({_NUMBER.sub("#", folder[label]) for folder in folders}) != 1:
        return False
    numbers: defaultdict[str, set[int]] = defaultdict(set)
    for folder in folders:
        found = _NUMBER.findall(folder[label])
        if len(found) != 1:
            return False
        numbers[folder[label - 1]].add(int(found[0]))
    is_bare = folders[0][label].isdigit()
    firsts = {min(own) for own in numbers.values()}
    runs = all(max(own) - min(own) + 1 == len(own) for own in numbers.values())
    lengths = Counter(len(own) for own in numbers.values())
    most = lengths.most_common(1)[0][1]
    return len(firsts) == 1 and runs and len(numbers) >= (4 if is_bare else 2) and 2 * most <= len(numbers)


def _label_of_two_levels(fields: Sequence[str], label: int) -> str:
    """The pattern whose label is a level together with the one above it."""
    levels = ["(?P<split>[^/]+)" if field == "{split}" else "[^/]+" for field in fields[: label - 1]]
    below = ["[^/]+"] * (len(fields) - label - 1 - (fields[-1] == "{name}"))
    return "regex:" + "/".join([*levels, "(?P<label>[^/]+/[^/]+)", *below, "[^/]+"])


def _label_in_file_names(paths: Sequence[str], above: list[tuple[str, ...]], fields: list[str]) -> str | None:
    """The pattern for numbered folders, such as pages of a writer, whose file names begin with the label."""
    folders = {folder[-1] for folder in above}
    words = {_NUMBER.sub("#", folder) for folder in folders}
    if len(words) != 1 or len(folders) < 3:
        return None
    (word,) = words
    if word.count("#") < 2:
        return None
    depth = len(fields)
    places = [tuple(path.split("/")) for path in paths if path.count("/") == depth]
    ends = {match[0] for place in places if (match := _TOKEN_END.search(place[-1]))}
    if len(ends) != 1 or ends == {"."}:
        return None
    (end,) = ends
    pairs = {(place[-2], place[-1].split(end)[0]) for place in places}
    tokens = {token for _, token in pairs}
    if len(tokens) < 2 or len(pairs) < RECURS * len(tokens):
        return None
    first, *more = word.split("#")
    group = re.escape(first) + r"(?P<group>\d+)" + r"\d+".join(map(re.escape, more))
    levels = ["(?P<split>[^/]+)" if field == "{split}" else "[^/]+" for field in fields[: depth - 1]]
    return "regex:" + "/".join([*levels, group, f"(?P<label>[^/{re.escape(end)}]+){re.escape(end)}[^/]*"])
