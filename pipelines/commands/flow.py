"""`darkroom flow`: the whole line under Prefect, once."""

from typing import Annotated

import typer


def flow(
    targets: Annotated[
        list[str] | None, typer.Argument(metavar="STAGE", help="Stages, with what they depend on; all if none is named.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Runs stages even where nothing changed.")] = False,  # noqa: FBT002  # a flag
    experiment: Annotated[str | None, typer.Option(help="Keeps the run as an experiment of DVC of this name.")] = None,
    publish: Annotated[bool, typer.Option(help="Whether a model that passes the gate becomes the published one.")] = True,  # noqa: FBT002
) -> None:
    """Brings every stage up to date, each as a task of one Prefect flow, and publishes a model that passes the gate."""
    from dataprep.core.errors import DarkroomError, in_short
    from pipelines.workspace.dvc_graph import output_path

    output_path("diagnose", "index.html")  # outside a project it says so before Prefect is loaded
    from pipelines.flows import rebuild, turn
    from pipelines.schedule.prefect_preconditions import ServerError
    from pipelines.schedule.prefect_settings import need_server

    need_server()
    with turn(lambda line: print(line, flush=True)):  # before a temporary server starts: each of several would have its own
        try:
            state = rebuild(targets or None, force=force, experiment=experiment, publish=publish, return_state=True)
        except RuntimeError as error:
            if "ephemeral Prefect API server" not in str(error):
                raise
            raise ServerError(
                f"Prefect's temporary server did not start ({in_short(error)}). Look at its lines above, or do without it: "
                "dvc repro"
            ) from error
    if not state.is_completed():
        raise DarkroomError(str(state.message))
    print(f"rebuild: {state.message}")
