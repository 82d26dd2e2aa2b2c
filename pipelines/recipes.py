"""Recipes: known experiments as overlays on params.yaml."""

import io
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from ruamel.yaml import YAML

from dataprep.core.artifacts import write_text
from dataprep.core.errors import ParamsError, shortened
from pipelines.params import PARAMS_FILE, check_params
from pipelines.yaml_text import load_yaml, read_text

RECIPES = Path("recipes")


def recipe_names() -> list[str]:
    """The recipes of this project.

    Raises:
        ParamsError: the current folder has none.
    """
    if not RECIPES.is_dir():
        raise ParamsError(f"{RECIPES}/ must be in the current folder; it is not. Run from the project's root")
    if not (names := sorted(path.stem for path in RECIPES.glob("*.yaml"))):
        raise ParamsError(f"{RECIPES}/ must hold recipes (*.yaml); it holds none. Restore them: git checkout {RECIPES}")
    return names


def recipe_titles() -> dict[str, str]:
    """The recipes of this project with their first lines."""
    texts = {name: read_text(RECIPES / f"{name}.yaml") for name in recipe_names()}
    return {name: text.partition("\n")[0].removeprefix("# ") for name, text in texts.items()}


def apply_recipe(name: str) -> list[str]:
    """Writes a recipe's values into params.yaml, whose other values and comments stay; nothing is written if one is wrong.

    Args:
        name: a file in recipes/, without its ending.

    Returns:
        The keys that changed, as `section.key: old -> new`.

    Raises:
        ParamsError: there is no such recipe, or it leads to parameters that cannot be.
    """
    path = RECIPES / f"{name}.yaml"
    if not path.is_file():
        raise ParamsError(f"{path} does not exist. Use one of: {', '.join(recipe_names())}")
    text = read_text(PARAMS_FILE)
    check_params(text, PARAMS_FILE)  # a mistake that was there before is not the recipe's
    yaml = YAML()
    yaml.default_flow_style = False  # as DVC writes, and as wide: else the next `dvc exp run -S` would write other lines anew
    params = yaml.load(text)
    overlay = load_yaml(read_text(path), path)
    if not isinstance(overlay, Mapping):
        raise ParamsError(f"{path} must hold sections; got {shortened(overlay)}. Correct it")
    changes = _overlay(params, overlay, "")
    buffer = io.StringIO()
    yaml.dump(params, buffer)
    check_params(buffer.getvalue(), path)
    write_text(PARAMS_FILE, buffer.getvalue())
    return changes


def _overlay(params: MutableMapping[str, object], overlay: Mapping[str, object], where: str) -> list[str]:
    changes = []
    for key, value in overlay.items():
        old = params.get(key)
        if isinstance(value, Mapping) and isinstance(old, MutableMapping) and not _is_another_kind(value, old):
            changes += _overlay(old, value, f"{where}{key}.")
        elif old != value:
            changes.append(f"{where}{key}: {_plain(old)} -> {_plain(value)}")
            params[key] = value
    return changes


def _is_another_kind(overlay: Mapping[str, object], section: Mapping[str, object]) -> bool:
    """Whether a recipe chooses another `kind`, whose keys are others: it then replaces the section."""
    return "kind" in overlay and overlay["kind"] != section.get("kind")


def _plain(value: object) -> object:
    return list(value) if isinstance(value, list) else value
