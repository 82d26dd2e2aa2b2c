"""The `darkroom` command: what is not a stage of the graph. Each verb is a file of `pipelines/commands/`."""

import importlib
import pkgutil
from typing import Annotated

import typer

from pipelines import commands
from pipelines.run.program import run_program


def main() -> None:
    run_program(app)


def _collect() -> typer.Typer:
    """Makes a verb of each module: of the function, or the group of verbs, that has the module's name."""
    collected = typer.Typer(pretty_exceptions_enable=False, no_args_is_help=True, callback=_darkroom)
    for module in pkgutil.iter_modules(commands.__path__):
        verb = getattr(importlib.import_module(f"{commands.__name__}.{module.name}"), module.name)
        if isinstance(verb, typer.Typer):
            collected.add_typer(verb, name=verb_name(module.name))
        else:
            collected.command(name=verb_name(module.name))(verb)
    return collected


def verb_name(module: str) -> str:
    """What is typed for a module of `pipelines/commands/`.

    >>> verb_name("serve_model"), verb_name("try_")
    ('serve-model', 'try')
    """
    return module.rstrip("_").replace("_", "-")  # some words are Python's own


def _show_version(asked: bool) -> None:  # noqa: FBT001  # typer's callback of an option
    if asked:
        from pipelines.project.shipped_files import installed_version

        print(f"darkroom {installed_version()}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Shows the version that is installed.")
]


def _darkroom(version: Version = False) -> None:  # noqa: FBT002  # a flag, which its callback reads
    """From a folder of raw images to an error report. `dvc repro` does the work; this command helps around it."""


app = _collect()
