"""`darkroom recipe`: a known experiment into params.yaml."""

from collections.abc import Sequence
from typing import Annotated

import typer


def recipe(
    name: Annotated[str | None, typer.Argument(metavar="RECIPE", help="A file in recipes/, without its ending.")] = None,
    source: Annotated[str | None, typer.Option(metavar="SOURCE", help="Your folder of these images, or its URL.")] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Restores the default parameters.")] = False,  # noqa: FBT002  # a flag
) -> None:
    """Writes a known experiment into params.yaml: the default parameters and what the recipe changes."""
    from dataprep.core.errors import DarkroomError
    from pipelines.project.recipes import DEFAULTS, apply_recipe, read_header, recipe_names, restore_defaults

    if reset and (name is not None or source is not None):
        raise DarkroomError("--reset must stand alone; it restores params.yaml as the project ships it. Leave out the rest")
    if reset:
        changes = restore_defaults()
        _print_changes(changes or [])
        print(f"recipe --reset: params.yaml is {DEFAULTS}{_counted(changes)}. Next: dvc repro")
        return
    if name is None:
        raise DarkroomError(f"recipe must have a name or --reset; got neither. Use one of: {', '.join(recipe_names())}")
    changes = apply_recipe(name, source)
    _print_changes(changes)
    where = "" if source else f"; its images: {read_header(name).source}"
    print(f"recipe {name}: params.yaml written{_counted(changes)}{where}\nNext: dvc repro")


def _print_changes(changes: Sequence[str]) -> None:
    for change in changes:
        print(change)


def _counted(changes: Sequence[str] | None) -> str:
    return "" if changes is None else f", {len(changes)} values changed"
