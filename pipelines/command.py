"""How a stage is run from the command line: paths as options, one line for a user's mistake, exit code 2."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from upath import UPath

from dataprep.artifacts import locate
from dataprep.errors import DarkroomError

PathOption: TypeAlias = Annotated[Path, typer.Option()]
PlaceOption: TypeAlias = Annotated[UPath, typer.Option(parser=locate)]
"""A path or a URL. Typer takes no union of types: what `locate` gives is meant, and a local one is a `Path`."""

T = TypeVar("T")


def run(main: Callable[..., None]) -> None:
    """Runs a stage's `main` with its arguments from the command line."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    run_program(app)


def run_program(program: Callable[[], object]) -> None:
    """Runs a command-line program; an error that a user can mend becomes one line and exit code 2."""
    try:
        program()
    except DarkroomError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def track(chunks: Iterable[T], *, title: str, total: int, count: Callable[[T], int]) -> Iterator[T]:
    """Passes chunks on and shows how many items are done, with rate and time left; shows nothing where no one looks."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=total, rate="")
        for chunk in chunks:
            yield chunk
            progress.advance(task, count(chunk))
            speed = progress.tasks[0].finished_speed or progress.tasks[0].speed
            progress.update(task, rate=f"{speed:,.0f}/s" if speed else "")
