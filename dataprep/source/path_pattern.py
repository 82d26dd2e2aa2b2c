"""Path patterns: `{group}/{label}/{name}` reads label and group from a relative path.

`{label}`, `{group}`, `{split}`, `{origin}` and `{name}` each match a folder or file name or a part of it. `*` is any text
within a name, `**` any number of folders, and all other text itself. Where that is not enough, write `regex:` and a regular
expression with groups of the same names, `(?P<label>...)`.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from dataprep.config.base import SplitName
from dataprep.core.errors import ParamsError, shortened
from dataprep.core.time_limit import OutOfTime, cpu_seconds

FIELDS = ("label", "group", "split", "origin", "name")

FIELD_OR_WILDCARD = re.compile(r"\{(?P<field>[^{}]*)\}|(?P<deep>\*\*/?)|(?P<any>\*)|(?P<literal>[^{}*]+|[{}])")
"""The pieces of a pattern, from its start to its end."""

_REGEX = "regex:"

# Many times what a pattern takes that does not backtrack without end.
_SECONDS, _SECONDS_PER_PATH = 1.0, 1e-4

SPLIT_NAMES: dict[str, SplitName] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True, slots=True)
class PathFacts:
    """The fields of one path; None where the pattern has no such field."""

    label: str
    group: str | None = None
    given_split: SplitName | None = None
    origin: str | None = None


def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Turns a path pattern into a regular expression with a group for each field.

    >>> compile_pattern("{group}/{label}/{name}").fullmatch("w01/7/a.png")["label"]
    '7'
    >>> compile_pattern(r"regex:(?P<group>w\d+)_(?P<label>\d)_.*").fullmatch("w01_7_a.png")["label"]
    '7'

    Raises:
        ParamsError: a field is unknown, stands twice, or {label} is missing, or it is no regular expression.
    """
    if pattern.startswith(_REGEX):
        return _compile_regex(pattern)
    parts: list[str] = []
    seen: list[str] = []
    for token in FIELD_OR_WILDCARD.finditer(pattern):
        field = token["field"]
        if field is not None:
            _check_field(field, seen, pattern)
            seen.append(field)
            parts.append(f"(?P<{field}>[^/]+?)")
        elif token["deep"]:
            parts.append("(?:.*/)?" if token["deep"].endswith("/") else ".*")
        elif token["any"]:
            parts.append("[^/]*")
        else:
            parts.append(re.escape(token["literal"]))
    if "label" not in seen:
        raise ParamsError(
            f"params.yaml: ingest.pattern must contain {{label}}, where the class stands in a path; got {shortened(pattern)}. "
            "For <class>/<file> write: {label}/{name}"
        )
    return re.compile("".join(parts), flags=re.DOTALL)


def split_named(word: str) -> SplitName | None:
    """The split that a folder name stands for, None if it stands for none.

    >>> split_named("Val")
    'validation'
    """
    return SPLIT_NAMES.get(word.lower())


def read_path(path: str, pattern: re.Pattern[str]) -> PathFacts | None:
    """Reads the fields of a relative posix path; None if it does not match or its {split} names no split."""
    match = pattern.fullmatch(path)
    if match is None:
        return None
    fields = match.groupdict()
    word = fields.get("split")
    given = None if word is None else split_named(word)
    if not fields["label"] or (word is not None and given is None):
        return None
    # A group of a regular expression may match an empty text; then the path has no such field.
    return PathFacts(fields["label"], fields.get("group") or None, given, fields.get("origin") or None)


def read_paths(paths: Sequence[str], pattern: re.Pattern[str]) -> list[PathFacts | None]:
    """Reads the fields of many paths, as `read_path` does.

    Raises:
        ParamsError: the pattern takes far too long; a regular expression may backtrack almost without end.
    """
    limit = _SECONDS + _SECONDS_PER_PATH * len(paths)
    facts: list[PathFacts | None] = []
    try:
        with cpu_seconds(limit):
            for path in paths:
                facts.append(read_path(path, pattern))  # noqa: PERF401  # its length shows how far it came
    except OutOfTime as error:
        raise ParamsError(
            f"params.yaml: ingest.pattern must read {len(paths):,} paths within {limit:.0f} s; after {len(facts):,} it tries "
            f"{shortened(paths[min(len(facts), len(paths) - 1)])} in too many ways. Take out repeats within repeats, such as "
            "(a+)+, or repeats of which several can take the same text"
        ) from error
    return facts


def _compile_regex(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern.removeprefix(_REGEX), flags=re.DOTALL)
    except (re.error, RecursionError, OverflowError) as error:
        raise ParamsError(
            f"params.yaml: ingest.pattern must be a regular expression after {_REGEX!r}; got {shortened(pattern)} ({error}). "
            "Correct it"
        ) from error
    for field in compiled.groupindex:
        _check_field(field, [], pattern)
    if "label" not in compiled.groupindex:
        raise ParamsError(
            "params.yaml: ingest.pattern must contain (?P<label>...), where the class stands in a path; "
            f"got {shortened(pattern)}. Add it"
        )
    return compiled


def _check_field(field: str, seen: list[str], pattern: str) -> None:
    if field not in FIELDS:
        close = difflib.get_close_matches(field, FIELDS, n=1)
        hint = f"Did you mean {{{close[0]}}}?" if close else f"Use {', '.join(f'{{{name}}}' for name in FIELDS)}."
        raise ParamsError(f"params.yaml: ingest.pattern has an unknown field {{{field}}} in {shortened(pattern)}. {hint}")
    if field in seen:
        raise ParamsError(
            f"params.yaml: ingest.pattern has {{{field}}} twice in {shortened(pattern)}. Replace one of them by *"
        )
