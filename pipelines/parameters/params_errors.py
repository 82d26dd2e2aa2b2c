"""One sentence for each way in which a value of params.yaml can be wrong."""

import re
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dataprep.core.errors import closest, did_you_mean, shortened

Location = tuple[int | str, ...]

_COUNTS = {1: "one", 2: "two", 3: "three", 4: "four"}
_ONE = {int: "whole number", float: "number", str: "text"}
_WORDS = {
    "Input should": "should",
    "String should": "should",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "text",
    "a valid boolean": "true or false",
}
_YES, _NO = ("true", "yes", "on", "y", "1"), ("false", "no", "off", "n", "0")


def explain_first(error: ValidationError, root: type[BaseModel]) -> str:
    """Explains the mistake that a user should mend first.

    Args:
        error: pydantic's, with all mistakes.
        root: the model of the whole file.
    """
    # An unknown key comes first: a misspelt one is missing under its right name as well.
    return explain(min(error.errors(include_url=False), key=lambda entry: entry["type"] != "extra_forbidden"), root)


def explain(error: ErrorDetails, root: type[BaseModel]) -> str:
    """Says where, what was expected, what was there and how to mend it.

    Args:
        error: one of pydantic's.
        root: the model of the whole file.
    """
    typed, value, kind = error["loc"], error["input"], error["type"]  # pydantic's place also names the kinds on the way
    error = {**error, "loc": _as_written(typed, root)}
    where = dotted(error["loc"])
    if kind == "extra_forbidden":
        return f"unknown key {where}{_suggestion(typed, root)}"
    if kind == "invalid_key":
        return f"unknown key {_key_in_yaml(error)}{_suggestion(typed, root)}"
    if error["loc"] and error["loc"][-1] == "[key]":
        return _wrong_key(error)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _wrong_kind(where, list(_kinds(_annotation(typed, root))), value)
    if kind == "missing" and not isinstance(error["loc"][-1], int):
        return f"{where} is missing. Add it; the comments in the project's own params.yaml say what it means"
    if kind == "value_error":
        return f"{where} {error['ctx']['error']}".strip()
    if kind in ("tuple_type", "too_long", "missing"):
        of_list = tuple(part for part in typed if isinstance(part, str))
        wanted = _list_of(of_list, root, error)
        return f"{dotted(_as_written(of_list, root))} must be {wanted}; got {shortened(value)}. Correct the list"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return f"{where} must be a section with keys below it; got {shortened(value)}. Correct it".strip()
    # pydantic writes 1e-12 with all its zeros
    text = re.sub(r"\b0\.0{4,}\d+", lambda bound: f"{float(bound[0]):g}", error["msg"])
    for theirs, ours in _WORDS.items():
        text = text.replace(theirs, ours)
    return f"{where} {text}; got {shortened(value)}. {_fix(error)}"


def dotted(location: Location) -> str:
    """Where a value stands; a key that cannot be printed, or goes on and on, is shown in quotes and cut."""
    if location and isinstance(location[-1], int):
        return f"value {location[-1] + 1} of {dotted(location[:-1])}"
    parts = (str(part) for part in location)
    return ".".join(part if part.isprintable() and len(part) <= 60 else shortened(part, 60) for part in parts)


def _wrong_key(error: ErrorDetails) -> str:
    above, text = dotted(error["loc"][:-2]), error["msg"].replace("Input should", "should").replace("a valid string", "text")
    key = error["input"]
    return f"{above} has the key {shortened(key)}, which {text}. {'Correct the key' if isinstance(key, str) else _quoted(key)}"


def _key_in_yaml(error: ErrorDetails) -> str:
    """Where a key stands that is no text, and the key as YAML writes it."""
    key = error["input"]
    name = {"None": "null", "True": "true", "False": "false"}.get(text := shortened(key, 60), text)
    return ".".join(filter(None, (dotted(error["loc"][:-1]), name)))


def _suggestion(location: Location, root: type[BaseModel]) -> str:
    """What goes on after `unknown key ...`: its new name, the kinds that have it, or the key that looks most like it."""
    *above, key = location
    section = _annotation(tuple(above), root)
    if not (isinstance(section, type) and issubclass(section, BaseModel)):
        return f". {did_you_mean(str(key), [])}"
    if new_name := getattr(section, "renamed", {}).get(key):
        return f". It is now {new_name}. Write it there"
    if above and (kinds := _kinds(_annotation(tuple(above[:-1]), root))):
        owners = [kind for kind, other in kinds.items() if key in other.model_fields]
        if owners:
            place = dotted((*_as_written(tuple(above), root), "kind"))
            return f" of {place} {above[-1]!r}; {_listed(owners)} has it. Take it out, or choose another kind"
    return f". {did_you_mean(str(key), list(section.model_fields))}"


def _wrong_kind(where: str, known: list[str], value: object) -> str:
    place = f"{where}.kind".removeprefix(".")
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if isinstance(value, Mapping) and "kind" not in value:
        return f"{place} is missing. Write one of: {', '.join(known)}"
    return f"{place} should be {_listed(known)}; got {shortened(kind)}. {_nearest(kind, known)}"


def _listed(names: Sequence[str]) -> str:
    """As pydantic lists choices: `'a', 'b' or 'c'`."""
    *others, last = map(repr, names)
    return f"{', '.join(others)} or {last}" if others else last


def _as_written(location: Location, root: type[BaseModel]) -> Location:
    """The place without the kinds that pydantic puts between a section that is chosen by kind and its keys."""
    return tuple(part for number, part in enumerate(location) if part not in _kinds(_annotation(location[:number], root)))


def _kinds(annotation: Any) -> Mapping[str, type[BaseModel]]:  # a type of any form
    """The sections of a union, or of an open set, that are chosen by kind; none of any other type."""
    if isinstance(annotation, type) and "kinds" in vars(annotation):
        kinds: Mapping[str, type[BaseModel]] = annotation.kinds  # type: ignore[attr-defined]
        return kinds
    found: dict[str, type[BaseModel]] = {}
    for section in get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ():
        if not (isinstance(section, type) and issubclass(section, BaseModel) and "kind" in section.model_fields):
            return {}
        found |= dict.fromkeys(get_args(section.model_fields["kind"].annotation), section)
    return found


def _annotation(location: Location, root: type[BaseModel]) -> Any:  # a type of any form
    """The declared type of a value."""
    found: Any = root
    for part in location:
        if part in (kinds := _kinds(found)):
            found = kinds[str(part)]
        elif isinstance(found, type) and issubclass(found, BaseModel):
            found = _bare(found.model_fields[str(part)].annotation) if str(part) in found.model_fields else None
        elif get_origin(found) is dict:
            found = _bare(get_args(found)[1])
    return found


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _list_of(location: Location, root: type[BaseModel], error: ErrorDetails) -> str:
    """The length of a list and what stands in it, in words, for example `a list of three numbers`."""
    entries = [_bare(entry) for entry in get_args(_annotation(location, root))]
    if not entries:
        return "a list"
    one = _ONE.get(entries[0], "value")
    if Ellipsis not in entries:
        return f"a list of {_COUNTS.get(len(entries), len(entries))} {one}s"
    most = error.get("ctx", {}).get("max_length")
    return f"a list of at most {most:,} {one}s" if isinstance(most, int) else f"a list of {one}s"


def _fix(error: ErrorDetails) -> str:
    value, kind = error["input"], error["type"]
    if kind == "literal_error":
        expected: str = error.get("ctx", {}).get("expected", "")  # 'a', 'b' or 'c'
        return _nearest(value, [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")])
    if kind == "bool_type" and str(value).lower() in (*_YES, *_NO):
        return f"Write {'true' if str(value).lower() in _YES else 'false'}, without quotes"
    if kind in ("int_type", "float_type", "int_from_float") and (number := _number(value)) is not None:
        return f"Write {number:g}" if kind == "float_type" else f"Write {number:.0f}"
    if kind == "string_type" and not isinstance(value, Mapping | Sequence) and value is not None:
        return _quoted(value)
    return "Correct the value"


def _quoted(value: object) -> str:
    return "Put it in quotes" if isinstance(value, int) and value.bit_length() > 64 else f"Put it in quotes: '{value}'"


def _nearest(value: object, choices: Sequence[str]) -> str:
    """The choice that was meant, if one looks like the value."""
    word = {False: "off", None: "none"}.get(value, value) if value is None or value is False else value
    close = closest(str(word), choices) if isinstance(word, str) else None
    return f"Did you mean {close}?" if close else "Correct the value"


def _number(value: object) -> float | None:
    """The number that a text or a whole float was meant to be; None where that is not plain."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return value
    if not isinstance(value, str) or not 0 < len(value) < 30:
        return None
    try:
        number = float(value.replace(",", ".").replace("_", ""))
    except ValueError:
        return None
    return number if abs(number) < 2**53 else None
