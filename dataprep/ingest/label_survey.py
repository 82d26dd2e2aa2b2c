"""What the paths of a raw folder say, before a single pixel is read: classes, groups, splits, and what looks wrong.

What is proposed is in `dataprep.source.pattern_proposal`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from dataprep.config.base import SPLITS, SplitName
from dataprep.core.errors import first_five
from dataprep.ingest.look_alike_classes import look_alike_warnings
from dataprep.source.path_pattern import PathFacts, compile_pattern, read_paths
from dataprep.source.pattern_proposal import RECURS, doubts, propose_pattern

HANDFUL = 10
"""Files, and groups where there are any; a class with fewer cannot be split and measured in any useful way."""


_NUMBER = re.compile(r"\d+")
_COPY = re.compile(r"(?P<name>.+?)(?: ?\(\d+\)|[ _-]+copy(?:[ _-]?\d+)?|[ _-]+Kopie.*|~|\.bak|\.old)", re.IGNORECASE)
_LEFT_OVER = re.compile(r"te?mp|new|new folder.*|untitled.*|backup.*|old|trash|unsorted|to ?do|neuer ordner.*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ClassFiles:
    """One class: how many files and groups it has, and how many files in each given split."""

    name: str
    num_files: int
    num_groups: int
    given_splits: dict[SplitName, int]


@dataclass(frozen=True, slots=True)
class Survey:
    """What a pattern reads from a list of paths.

    Attributes:
        pattern: as in ingest.pattern.
        classes: by name.
        facts: of each path, in their order; None where it does not match.
        unmatched: the paths that do not match.
        warnings: what looks wrong.
    """

    pattern: str
    classes: list[ClassFiles]
    facts: list[PathFacts | None]
    unmatched: list[str]
    warnings: list[str]


def survey_labels(paths: Sequence[str], given: str | None) -> Survey:
    """Reads every path by a pattern.

    Args:
        paths: relative posix paths of files.
        given: a pattern, as in ingest.pattern; None = one is proposed.

    Raises:
        ParamsError: the pattern is wrong.
        SourceError: none can be proposed.
    """
    pattern = propose_pattern(paths) if given is None else given
    compiled = compile_pattern(pattern)
    facts = read_paths(paths, compiled)
    matched = [fact for fact in facts if fact is not None]
    classes = _count(matched)
    return Survey(
        pattern=pattern,
        classes=classes,
        facts=facts,
        unmatched=[path for path, fact in zip(paths, facts, strict=True) if fact is None],
        warnings=[
            *_odd_classes(classes),
            *_stray_classes(classes),
            *look_alike_warnings(row.name for row in classes),
            *(_other_level(paths, compiled, classes) if given is not None else []),
            *doubts(paths, pattern),
        ],
    )


def _count(matched: list[PathFacts]) -> list[ClassFiles]:
    files: Counter[str] = Counter(fact.label for fact in matched)
    groups: defaultdict[str, set[str]] = defaultdict(set)
    splits: defaultdict[str, Counter[SplitName]] = defaultdict(Counter)
    for fact in matched:
        if fact.group is not None:
            groups[fact.label].add(fact.group)
        if fact.given_split is not None:
            splits[fact.label][fact.given_split] += 1
    return [ClassFiles(name, files[name], len(groups[name]), dict(splits[name])) for name in sorted(files)]


def _odd_classes(classes: list[ClassFiles]) -> list[str]:
    warnings = []
    if len(classes) == 1:
        warnings.append(f"there is one class only, {classes[0].name!r}; a network needs two")
    few = [f"{row.name} ({row.num_files})" for row in classes if row.num_files < HANDFUL]
    if few:
        warnings.append(f"fewer than {HANDFUL} files in {len(few):,} class{'es' * (len(few) > 1)}: {first_five(few)}")
    few = [f"{row.name} ({row.num_groups})" for row in classes if 0 < row.num_groups < HANDFUL <= row.num_files]
    if few:
        warnings.append(
            f"fewer than {HANDFUL} groups in {len(few):,} class{'es' * (len(few) > 1)}: {first_five(few)}; a group stands in "
            "one split only, and what few groups say of others is unsure"
        )
    given = [split for split in SPLITS if any(split in row.given_splits for row in classes)]
    for split in given:
        lacking = [row.name for row in classes if split not in row.given_splits]
        if lacking:
            warnings.append(
                f"the given split {split} lacks {len(lacking):,} class{'es' * (len(lacking) > 1)}: {first_five(lacking)}"
            )
    return warnings


def _stray_classes(classes: list[ClassFiles]) -> list[str]:
    """Names classes that are not named as nearly all others are, and copies of other classes."""
    names = {row.name: row.num_files for row in classes}
    fashions = Counter(map(_fashion, names))
    fashion, count = fashions.most_common(1)[0] if fashions else ("", 0)
    strays = [name for name in names if _fashion(name) != fashion] if fashion and count >= max(5, 0.75 * len(names)) else []
    strays += [name for name in names if name not in strays and (_LEFT_OVER.fullmatch(name) or _original(name) in names)]
    if not strays:
        return []
    usual = sorted(num_files for name, num_files in names.items() if name not in strays) or [0]
    listed = first_five([f"{name} ({names[name]:,})" for name in strays])
    return [
        f"{'this class is' if len(strays) == 1 else 'these classes are'} unlike the others in name: {listed}; the others have "
        f"{usual[0]:,} to {usual[-1]:,} files. Where {'it is none' if len(strays) == 1 else 'they are none'}, move the folder "
        "away or list its name in ingest.skip"
    ]


def _fashion(name: str) -> str:
    """The pattern of a name that counts: `#` for 7, `a` for b, `class#` for class7; empty for a word."""
    plain = _NUMBER.sub("#", name)
    return plain if "#" in plain else "a" if len(name) == 1 else ""


def _original(name: str) -> str | None:
    """What a folder was called before a file manager copied it."""
    match = _COPY.fullmatch(name)
    return None if match is None else match["name"]


def _other_level(paths: Sequence[str], given: re.Pattern[str], classes: list[ClassFiles]) -> list[str]:
    """Says where the folders themselves suggest another level for the label than the pattern does."""
    if not any("/" in path for path in paths):
        return []
    proposed = propose_pattern(paths)
    compiled = compile_pattern(proposed)
    labels = {fact.label for fact in read_paths(paths, compiled) if fact}
    if labels == {row.name for row in classes} or _recurs_below(paths, given, compiled):
        return []
    return [
        f"another level looks more like the label: {len(labels):,} names that recur, {first_five(sorted(labels))}. "
        f"Try the pattern {proposed!r}"
    ]


def _recurs_below(paths: Sequence[str], given: re.Pattern[str], proposed: re.Pattern[str]) -> bool:
    """Whether the given labels stand below the proposed ones and come again in each, as digits do in the folders of writers."""
    pairs = set()
    for path in paths:
        own, other = given.fullmatch(path), proposed.fullmatch(path)
        if own is not None and other is not None and own["label"]:
            if own.start("label") < other.end("label"):
                return False
            pairs.add((other["label"], own["label"]))
    return len(pairs) >= RECURS * len({label for _, label in pairs}) > 0
