"""`darkroom serve`: the flow on a schedule, whenever the source changes, or when new images differ."""

from typing import Annotated

import typer


def serve(
    cron: Annotated[
        str | None, typer.Option(help="When runs start, as cron writes it: '0 2 * * *' is each night at two.")
    ] = None,
    interval: Annotated[float | None, typer.Option(min=1, help="Seconds between the starts of two runs.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Starts a run when the source has changed and is quiet.")] = False,  # noqa: FBT002  # a flag
    drift: Annotated[  # noqa: FBT002  # a flag
        bool,
        typer.Option("--drift", help="As --watch, but the run ends after prepare unless new images differ from those before."),
    ] = False,
    quiet: Annotated[
        float, typer.Option(min=0, help="Seconds for which nothing may change before --watch or --drift starts a run.")
    ] = 60,
    poll: Annotated[float, typer.Option(min=1, help="Seconds between two looks of --watch or --drift at the source.")] = 10,
) -> None:
    """Runs the flow on a schedule or when images change (a model over HTTP: `darkroom serve-model`).

    Until it is interrupted: one run at a time, the next one waits for its turn. See docs/schedule.md.
    """
    from dataprep.core.errors import ParamsError
    from pipelines.workspace.dvc_graph import output_path

    output_path("diagnose", "index.html")  # outside a project it says so before Prefect is loaded
    if cron is not None and interval is not None:
        raise ParamsError("--cron and --interval are two schedules; a run has one. Leave one of them out")
    if watch and drift:
        raise ParamsError("--watch starts a whole run at each change, --drift only where images differ. Leave one of them out")
    if cron is None and interval is None and not watch and not drift:
        raise ParamsError(
            "serve must have --cron, --interval, --watch or --drift; it has none. For example: --cron '0 2 * * *'"
        )
    from pipelines.schedule.serve import serve as serve_flow
    from pipelines.schedule.source_watch import Watch

    watcher = Watch(quiet) if watch or drift else None
    serve_flow(cron=cron, interval_seconds=interval, watch=watcher, poll_seconds=poll, only_on_drift=drift)
