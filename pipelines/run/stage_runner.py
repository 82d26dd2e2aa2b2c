"""How a stage is run from the command line: paths as options, one line for a user's mistake, exit code 2."""

import functools
import inspect
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar, get_type_hints

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from upath import UPath

from dataprep.core.artifacts import Place, locate, remove_strays
from dataprep.core.errors import DarkroomError
from pipelines.project.code_record import check_code
from pipelines.run.program import run_program
from pipelines.workspace.dvc_lock_backup import keep_copy
from pipelines.workspace.lock import only_run
from pipelines.workspace.repository_checks import need_commit

OUTPUT = "output"

_FIRST = "ingest"
"""The stage that runs each time. It compares the code of all stages and the graph, so that the others need not."""

PathOption: TypeAlias = Annotated[Path, typer.Option()]
OutputOption: TypeAlias = Annotated[Path, typer.Option(), OUTPUT]
"""A path that the stage writes."""
PlaceOption: TypeAlias = Annotated[UPath, typer.Option(parser=locate)]
"""A path or a URL. Typer takes no union of types: what `locate` gives is meant, and a local one is a `Path`."""
PlaceOutputOption: TypeAlias = Annotated[UPath, typer.Option(parser=locate), OUTPUT]
"""A path or a URL that the stage writes."""

_SECONDS = 0.5
"""Between two readings of what is done: chunks come in bursts, and between those of one burst the rate would be millions."""
_SECONDS_A_LINE = 30.0
"""Between two lines in a log, where no terminal shows a bar."""

T = TypeVar("T")


def run(main: Callable[..., None]) -> None:
    """Runs a stage's `main` with its arguments from the command line, when no other stage runs in this folder."""
    stage = Path(inspect.getfile(main)).stem

    @functools.wraps(main)
    def alone(**paths: Place) -> None:
        check_code(None if stage == _FIRST else stage)
        need_commit()  # now, and not when training begins
        with only_run() as locked:
            keep_copy()
            if locked:  # then nobody else writes here, and temporary files are those of killed runs
                for name in outputs_of(main):
                    remove_strays(paths[name])
            main(**paths)

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(alone)
    run_program(app)


def outputs_of(main: Callable[..., None]) -> list[str]:
    """The arguments of a stage that name what it writes."""
    hints = get_type_hints(main, include_extras=True)
    return [name for name, hint in hints.items() if OUTPUT in getattr(hint, "__metadata__", ())]


def need_temporary_folder() -> None:
    """Refuses to start where no temporary file can be written.

    Raises:
        DarkroomError: there is no such folder, as on a full disk.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise DarkroomError(
            "temporary files must have a folder; none can be written (/tmp and the like). Free space there or name another "
            "folder in TMPDIR, then run the same again"
        ) from error


def need_docstrings() -> None:
    """Refuses to start where Python drops docstrings: TensorFlow reads its own when it is imported.

    Raises:
        DarkroomError: Python runs with -OO.
    """
    if sys.flags.optimize > 1:
        raise DarkroomError(
            f"PYTHONOPTIMIZE must be below 2, since TensorFlow reads docstrings; got {sys.flags.optimize}. Unset it or leave "
            "out -OO, then run the same again"
        )


def track(chunks: Iterable[T], *, title: str, total: int, count: Callable[[T], int]) -> Iterator[T]:
    """Passes chunks on and shows how many items are done, with rate and time left; nothing of none.

    A terminal gets a bar. A log gets a line every half minute, and so none of what is done sooner.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not (console.is_terminal and total)) as progress:
        task = progress.add_task(title, total=total, rate="")
        done, read = 0, time.monotonic()
        began = said = read
        for chunk in chunks:
            yield chunk
            done += count(chunk)
            if not console.is_terminal and time.monotonic() - said >= _SECONDS_A_LINE:
                said = time.monotonic()
                rate = done / (said - began)
                left = timedelta(seconds=round((total - done) / rate)) if rate else "unknown time"
                print(f"{title}: {done:,} of {total:,}, {rate:,.0f}/s, {left} left", file=sys.stderr, flush=True)
            if time.monotonic() - read < _SECONDS:
                continue
            progress.update(task, completed=done)
            read = time.monotonic()
            speed = progress.tasks[0].speed
            progress.update(task, rate=f"{speed:,.0f}/s" if speed else "")
