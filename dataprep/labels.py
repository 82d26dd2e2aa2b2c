"""What the paths of a raw folder say, before a single pixel is read: classes, groups, splits, and what looks wrong.

A pattern is proposed from the folder levels alone: a level of split names is the split; of the others, the deepest one whose
names recur under the folders above it is the label, or the topmost where none does.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from dataprep.config import SPLITS, SplitName
from dataprep.errors import SourceError, first_five
from dataprep.pattern import PathFacts, compile_pattern, read_paths, split_named

HANDFUL = 10
"""Files, and groups where there are any; a class with fewer cannot be split and measured in any useful way."""


@dataclass(frozen=True, slots=True)
class ClassFiles:
    """One class: how many files and groups it has, and how many files in each given split."""

    name: str
    num_files: int
    num_groups: int
    given_splits: dict[SplitName, int]


@dataclass(frozen=True, slots=True)
class Survey:
    """What a pattern makes of a list of paths."""

    pattern: str
    classes: list[ClassFiles]
    unmatched: list[str]
    warnings: list[str]


def survey_labels(paths: Sequence[str], pattern: str) -> Survey:
    """Reads every path by a pattern.

    Args:
        paths: relative posix paths of files.
        pattern: as in ingest.pattern.

    Raises:
        ParamsError: the pattern is wrong.
    """
    compiled = compile_pattern(pattern)
    facts = dict(zip(paths, read_paths(paths, compiled), strict=True))
    told = [fact for fact in facts.values() if fact is not None]
    classes = _count(told)
    return Survey(
        pattern=pattern,
        classes=classes,
        unmatched=[path for path, fact in facts.items() if fact is None],
        warnings=[*_odd_classes(classes), *_look_alikes(classes), *_other_level(paths, classes)],
    )


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
            f"{first_five(paths[:2])}. Say with --pattern where the label stands, for example '{{label}}_{{name}}'"
        )
    folders = [tuple(path.split("/")[:-1]) for path in paths if path.count("/") == depth]
    names = [{folder[level] for folder in folders} for level in range(depth)]
    fields = ["*"] * depth
    open_levels = []
    for level in range(depth):
        if "{split}" not in fields and depth > 1 and all(split_named(name) for name in names[level]):
            fields[level] = "{split}"
        elif len(names[level]) > 1 or depth == 1:
            open_levels.append(level)
    label = _label_level(folders, names, open_levels or [depth - 1])
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
        if len(places) >= 1.5 * len(names[level]):
            return level
    return levels[0]


def _count(told: list[PathFacts]) -> list[ClassFiles]:
    files: Counter[str] = Counter(fact.label for fact in told)
    groups: defaultdict[str, set[str]] = defaultdict(set)
    splits: defaultdict[str, Counter[SplitName]] = defaultdict(Counter)
    for fact in told:
        if fact.group is not None:
            groups[fact.label].add(fact.group)
        if fact.given_split is not None:
            splits[fact.label][fact.given_split] += 1
    return [ClassFiles(name, files[name], len(groups[name]), dict(splits[name])) for name in sorted(files)]


def _odd_classes(classes: list[ClassFiles]) -> list[str]:
    warnings = []
    if len(classes) == 1:
        warnings.append(f"there is one class only, {classes[0].name!r}; nothing can be told apart")
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


def _look_alikes(classes: list[ClassFiles]) -> list[str]:
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for row in classes:
        alike["".join(unicodedata.normalize("NFKC", row.name).casefold().split())].append(row.name)
    return [
        f"these classes differ only in case, white space or Unicode form: {first_five(names)}"
        for names in alike.values()
        if len(names) > 1
    ]


def _other_level(paths: Sequence[str], classes: list[ClassFiles]) -> list[str]:
    """Says where the folders themselves suggest another level for the label than the pattern does."""
    if not any("/" in path for path in paths):
        return []
    proposed = propose_pattern(paths)
    compiled = compile_pattern(proposed)
    labels = {fact.label for fact in read_paths(paths, compiled) if fact}
    if labels == {row.name for row in classes}:
        return []
    return [
        f"another level looks more like the label: {len(labels):,} names that recur, {first_five(sorted(labels))}. "
        f"Try the pattern {proposed!r}"
    ]
