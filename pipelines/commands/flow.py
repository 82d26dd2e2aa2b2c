"""`darkroom flow`: the whole line under Prefect, once."""

from typing import Annotated

import typer


def flow(
    targets: Annotated[
        list[str] | None, typer.Argument(metavar="STAGE", help="Stages, with what they depend on; all if none is named.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Runs stages even where nothing changed.")] = False,  # noqa: FBT002  # a flag
    experiment: Annotated[str | None, typer.Option(help="Keeps the run as an experiment of DVC of this name.")] = None,
    only_on_drift: Annotated[  # noqa: FBT002  # a flag
        bool, typer.Option("--only-on-drift", help="Ends after prepare unless new images differ from those before.")
    ] = False,
    publish: Annotated[bool, typer.Option(help="Whether a model that passes the gate becomes the published one.")] = True,  # noqa: FBT002
) -> None:
    """Brings every stage up to date, each as a task of one Prefect flow, and publishes a model that passes the gate."""
    from dataprep.core.errors import DarkroomError
    from pipelines.workspace.dvc_graph import output_path

    output_path("diagnose", "index.html")  # outside a project it says so before Prefect is loaded
    from pipelines.flows import entered_before, rebuild, turn
    from pipelines.schedule.prefect_server import server
    from pipelines.schedule.prefect_settings import need_server

    need_server()
    with turn(lambda line: print(line, flush=True)), server(with_pages=False), entered_before():  # one own server at a time
        state = rebuild(
            targets or None,
            force=force,
            experiment=experiment,
            publish=publish,
            only_on_drift=only_on_drift,
            return_state=True,
        )
    if not state.is_completed():
        raise DarkroomError(str(state.message))
    print(f"rebuild: {state.message}")
