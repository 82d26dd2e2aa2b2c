"""docs/commands.md, written from the command line itself: `python -m tests.pipelines.commands_page` writes it anew."""

from typing import Any

import typer

from pipelines.cli import app
from tests.closure import ROOT

PAGE = ROOT / "docs/commands.md"

_HEAD = """\
# Commands

What `darkroom --help` and `darkroom COMMAND --help` say, on one page. `python -m tests.pipelines.commands_page` writes it,
and a test holds it to the commands.

A mistake on the command line, in `params.yaml` or in a file is one line that begins with `error:`, and exit code 2.
`NO_COLOR=1` leaves colors out.
"""


def page() -> str:
    """The text of the page."""
    commands = dict(sorted(_commands(typer.main.get_command(app), "darkroom")))
    listed = [
        f"| [`{name}`](#{name.replace(' ', '-')}) | {_escaped(command.help.splitlines()[0])} |"
        for name, command in commands.items()
    ]
    sections = [_section(name, command) for name, command in commands.items()]
    return "\n".join([_HEAD, "| | |\n|---|---|", *listed, "", *sections])


def _commands(command: Any, name: str) -> list[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        return [(name, command)]
    return [pair for below, own in command.commands.items() for pair in _commands(own, f"{name} {below}")]


def _section(name: str, command: Any) -> str:
    context = typer.Context(command, info_name=name)
    pieces = [piece.replace("{", "").replace("}", "") for piece in command.collect_usage_pieces(context)]
    records = [record for param in command.params if (record := param.get_help_record(context))]
    rows = [f"| `{_in_cell(words)}` | {_in_cell(_escaped(text))} |" for words, text in records]
    table = ["| | |\n|---|---|", *rows, ""] if rows else []
    return "\n".join([f"## {name}", "", f"    {' '.join([name, *pieces])}", "", _escaped(command.help.strip()), "", *table])


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")


def _in_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("  [", " [")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
