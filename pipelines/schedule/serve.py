"""The flow on a schedule: a deployment that this process serves, one run at a time, and where asked a watcher of the source."""

import contextvars
import hashlib
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pipelines.schedule import prefect_settings  # noqa: F401  # before Prefect, which reads settings when it is imported

# isort: split
from prefect.client.orchestration import get_client
from prefect.client.schemas.schedules import CronSchedule
from prefect.settings import get_current_settings
from prefect.types.entrypoint import EntrypointType
from pydantic import ValidationError

from dataprep.core.errors import ParamsError, in_short
from pipelines.flows import rebuild
from pipelines.schedule.prefect_artifacts import end_killed_runs, end_lost_runs
from pipelines.schedule.prefect_server import server, server_key
from pipelines.schedule.source_watch import Watch, look, state_of_source
from pipelines.workspace.lock import only_run

_SERVED = Path(".darkroom/serve.lock")

_MOST_SHARE_OF_LISTING = 0.1
"""Of the time of a watcher: a source that takes 6 s to be listed is listed once a minute."""


def deployment_name() -> str:
    """Of this folder: two projects may be served by one server.

    >>> deployment_name().startswith(Path.cwd().name)
    True
    """
    own = Path.cwd()
    return f"{own.name}-{hashlib.sha256(str(own).encode()).hexdigest()[:6]}"


def serve(
    *, cron: str | None, interval_seconds: float | None, watch: Watch | None, poll_seconds: float, only_on_drift: bool
) -> None:
    """Serves until it is interrupted or asked to end.

    Args:
        cron: when a run starts, as cron writes it.
        interval_seconds: between the starts of two runs.
        watch: of the source; None = it is not watched.
        poll_seconds: between two looks at the source.
        only_on_drift: a run that the watcher starts ends after prepare, unless new images differ.

    Raises:
        DarkroomError: the schedule is none, or there is and will be no server.
    """
    if cron is not None:
        check_cron(cron)
    with only_run(_SERVED), server(with_pages=True):
        url = str(get_current_settings().api.url or "")
        for line in [*end_killed_runs(server_key()), *end_lost_runs(deployment_name())]:
            print(line, flush=True)
        if watch is not None:
            parameters = {"trigger": "source changed", "only_on_drift": only_on_drift}
            settled = contextvars.copy_context()  # a thread does not inherit the settings, among them the server's address
            threading.Thread(target=settled.run, args=(_watch, watch, poll_seconds, parameters), daemon=True).start()
        schedules = {"cron": cron} if cron is not None else {"interval": interval_seconds} if interval_seconds else {}
        print(
            f"serve: rebuild/{deployment_name()} at {url}; to start a run: prefect deployment run rebuild/{deployment_name()}",
            flush=True,
        )
        rebuild.serve(
            name=deployment_name(),
            limit=1,
            print_starting_message=False,
            entrypoint_type=EntrypointType.MODULE_PATH,  # the code of an installation lies elsewhere than the project
            **schedules,
        )


def check_cron(cron: str) -> None:
    """Refuses what is no schedule.

    Raises:
        ParamsError: it is none.
    """
    try:
        CronSchedule(cron=cron)
    except ValidationError as error:
        raise ParamsError(
            f"--cron must have five fields (minute, hour, day, month, weekday), such as '0 2 * * *'; got {cron!r}. Correct it"
        ) from error


def _watch(watch: Watch, poll_seconds: float, parameters: dict[str, object]) -> None:
    """Starts a run of the deployment whenever the source has changed and is quiet."""
    start_run = partial(_start_run, parameters)
    watch_source(watch, poll_seconds, start_run=start_run, say=lambda line: print(line, flush=True))


def watch_source(
    watch: Watch,
    poll_seconds: float,
    *,
    start_run: Callable[[], None],
    say: Callable[[str], None],
    wait: Callable[[float], object] = time.sleep,
) -> None:
    """Looks at the source for ever; what goes wrong is said once, and it looks again.

    Args:
        watch: where it begins.
        poll_seconds: between two looks, at least.
        start_run: starts a run.
        say: hears what goes wrong.
        wait: lets some seconds pass.
    """
    said = ""
    while True:
        began = time.monotonic()
        try:
            known, is_due = look(watch, state_of_source(), began)
            if is_due:
                start_run()
            watch, said = known, ""
        except Exception as error:  # noqa: BLE001  # a source or a server that fails now may answer the next time
            if str(error) != said:
                say(f"watch: {in_short(error)}; it is tried again")
            said = str(error)
        wait(max(poll_seconds, (time.monotonic() - began) / _MOST_SHARE_OF_LISTING))


def _start_run(parameters: dict[str, object]) -> None:
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{rebuild.name}/{deployment_name()}")
        client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
