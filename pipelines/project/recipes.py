"""Recipes: known experiments as overlays on the default parameters. A recipe holds only what differs from them.

Those in `recipes/` of the current folder come first, then those that the installed package carries.
"""

import re
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from dataprep.core.artifacts import write_text
from dataprep.core.errors import ParamsError, shortened
from pipelines.parameters.commented_params import load_commented, write_commented
from pipelines.parameters.params import PARAMS_FILE, Params, check_params
from pipelines.parameters.yaml_reading import load_yaml, read_text
from pipelines.project.shipped_files import SHIPPED_RECIPES

RECIPES = Path("recipes")
DEFAULTS = RECIPES / "defaults/params.yaml"
"""params.yaml as the project ships it; the user may have changed the one in the project's root."""

_FIELDS = ("Data", "Source", "Run", "Score", "Time", "Measured")
_FIELD = re.compile(r"^# (?P<name>[A-Z][a-z]+) {2,}(?P<text>\S.*)$")
_CONTINUED = re.compile(r"^# {9,}(?P<text>\S.*)$")


@dataclass(frozen=True, slots=True)
class Header:
    """What the first lines of a recipe say.

    Attributes:
        title: one sentence about the experiment.
        data: the name of the data set.
        source: the layout of the raw folder, and where its images come from.
        command: the command that runs it.
        score: the score that was measured.
        time: how long the whole line took.
        measured: the date and the machine of score and time.
    """

    title: str
    data: str
    source: str
    command: str
    score: str
    time: str
    measured: str


def recipe_names() -> list[str]:
    """The recipes of this project and of the package."""
    return sorted({path.stem for folder in (RECIPES, SHIPPED_RECIPES) for path in folder.glob("*.yaml")})


def read_header(name: str) -> Header:
    """Reads the comment at the top of a recipe: a title, then one line for each field, continued by lines that are indented.

    Raises:
        ParamsError: there is no such recipe, or a field is missing.
    """
    path = _path_of(name)
    lines = read_text(path).splitlines()
    title = lines[0].removeprefix("#").strip() if lines and lines[0].startswith("#") else ""
    fields: dict[str, str] = {}
    last = ""
    for line in lines[1:]:
        if found := _FIELD.match(line):
            last = found["name"]
            fields[last] = found["text"].strip()
        elif last and (found := _CONTINUED.match(line)):
            fields[last] += f" {found['text'].strip()}"
        else:
            last = ""
    missing = [field for field in _FIELDS if field not in fields]
    if not title or missing:
        raise ParamsError(
            f"{path} must begin with a title and the fields {', '.join(_FIELDS)}, each as `# Field  text`; it lacks "
            f"{', '.join(missing) or 'a title'}. Add it, as the other recipes have it"
        )
    return Header(title, *(fields[field] for field in _FIELDS))


def apply_recipe(name: str, source: str | None = None) -> list[str]:
    """Writes the default parameters with a recipe's values into params.yaml; nothing is written if one is wrong.

    The section `execute` stays as it is, where the recipe does not name it: it describes the machine and changes no result.

    Args:
        name: a file in recipes/, without its ending.
        source: the folder of the images, or its URL; None for the one that the recipe names.

    Returns:
        The keys that changed, as `section.key: old -> new`.

    Raises:
        ParamsError: there is no such recipe, or it leads to parameters that cannot be.
    """
    path = _path_of(name)
    before = read_text(PARAMS_FILE)
    check_params(before, PARAMS_FILE)  # a mistake that was there before is not the recipe's
    overlay = load_yaml(read_text(path), path)
    if not isinstance(overlay, Mapping):
        raise ParamsError(f"{path} must hold sections; got {shortened(overlay)}. Correct it")
    old = load_yaml(before, PARAMS_FILE)
    params = load_commented(default_text())
    if isinstance(old, Mapping):
        lay_over(params, {"execute": old["execute"]})
    lay_over(params, overlay)
    if source is not None:
        lay_over(params, {"ingest": {"source": source}})
    return list(differences(old, load_yaml(write_commented(params, path), PARAMS_FILE)))


def restore_defaults() -> list[str] | None:
    """Writes the default parameters into params.yaml, whatever stands there.

    Returns:
        The keys that changed, as `section.key: old -> new`; None where what stood there could not be read.

    Raises:
        ParamsError: the defaults in the current folder are wrong.
    """
    text = default_text()
    check_params(text, DEFAULTS)
    try:
        old = load_yaml(read_text(PARAMS_FILE), PARAMS_FILE)
    except ParamsError:
        old = None
    write_text(PARAMS_FILE, text)
    return list(differences(old, load_yaml(text, DEFAULTS))) if isinstance(old, Mapping) else None


def _path_of(name: str) -> Path:
    own = RECIPES / f"{name}.yaml"
    path = own if own.is_file() else SHIPPED_RECIPES / own.name
    if not path.is_file():
        raise ParamsError(f"{own} does not exist. Use one of: {', '.join(recipe_names())}")
    return path


def default_text() -> str:
    """params.yaml as it is shipped, with its comments."""
    return read_text(DEFAULTS if DEFAULTS.is_file() else SHIPPED_RECIPES / DEFAULTS.relative_to(RECIPES))


def default_params() -> Params:
    """The parameters as they are shipped."""
    return check_params(default_text(), DEFAULTS)


def lay_over(params: MutableMapping[str, object], overlay: Mapping[str, object]) -> None:
    """Sets the values of an overlay, section by section; a network or the like of another kind replaces its section."""
    for key, value in overlay.items():
        old = params.get(key)
        if isinstance(value, Mapping) and isinstance(old, MutableMapping) and not _is_another_kind(value, old):
            lay_over(old, value)
        elif old != value:  # else its line would be written anew
            params[key] = value


def _is_another_kind(overlay: Mapping[str, object], section: Mapping[str, object]) -> bool:
    """Whether a recipe chooses another `kind` that has not all keys of this one: it then replaces the section."""
    return "kind" in overlay and overlay["kind"] != section.get("kind") and bool(section.keys() - overlay.keys())


def differences(old: object, new: object, where: str = "") -> Iterator[str]:
    """The keys in which two parameters differ, as `section.key: old -> new`."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            below = f"{where}.{key}" if where else str(key)
            if key not in new:
                yield f"{below}: {shortened(old[key])} -> none"
            elif key not in old:
                yield f"{below}: none -> {shortened(new[key])}"
            else:
                yield from differences(old[key], new[key], below)
    elif old != new:
        yield f"{where}: {old} -> {new}"
