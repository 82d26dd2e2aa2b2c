"""The flow on a schedule: a deployment that this process serves, one run at a time, and where asked a watcher of the source."""

import contextlib
import hashlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from pipelines.schedule import prefect_settings  # noqa: F401  # before Prefect, which reads settings when it is imported

# isort: split
from prefect.client.orchestration import get_client
from prefect.client.schemas.schedules import CronSchedule
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings
from prefect.types.entrypoint import EntrypointType
from pydantic import ValidationError

from dataprep.core.errors import ParamsError, in_short
from pipelines.flows import rebuild
from pipelines.schedule.prefect_artifacts import end_killed_runs
from pipelines.schedule.prefect_preconditions import ServerError
from pipelines.schedule.prefect_settings import need_server
from pipelines.schedule.source_watch import Watch, look, state_of_source

LOOPBACK = "127.0.0.1"
_PORT = 4200
_SECONDS_TO_START = 120.0
_SECONDS_TO_END = 15.0
_MOST_SHARE_OF_LISTING = 0.1
"""Of the time of a watcher: a source that takes 6 s to be listed is listed once a minute."""


def deployment_name() -> str:
    """Of this folder: two projects may be served by one server.

    >>> deployment_name().startswith(Path.cwd().name)
    True
    """
    own = Path.cwd()
    return f"{own.name}-{hashlib.sha256(str(own).encode()).hexdigest()[:6]}"


def serve(*, cron: str | None, interval_seconds: float | None, watch: Watch | None, poll_seconds: float) -> None:
    """Serves until it is interrupted or asked to end.

    Args:
        cron: when a run starts, as cron writes it.
        interval_seconds: between the starts of two runs.
        watch: of the source; None = it is not watched.
        poll_seconds: between two looks at the source.

    Raises:
        DarkroomError: the schedule is none, or there is and will be no server.
    """
    if cron is not None:
        check_cron(cron)
    with server():
        url = str(get_current_settings().api.url or "")
        for line in end_killed_runs(url):
            print(line, flush=True)
        if watch is not None:
            thread = threading.Thread(target=_watch, args=(watch, poll_seconds), daemon=True)
            thread.start()
        schedules = {"cron": cron} if cron is not None else {"interval": interval_seconds} if interval_seconds else {}
        print(
            f"serve: rebuild/{deployment_name()} at {url}; to start a run: prefect deployment run rebuild/{deployment_name()}"
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


@contextlib.contextmanager
def server() -> Iterator[None]:
    """The server that PREFECT_API_URL or the profile names; without one, an own one on loopback for as long as it lasts.

    Raises:
        ServerError: it does not answer, or does not start.
    """
    need_server()
    if get_current_settings().api.url:
        yield
        return
    port = free_port()
    url = f"http://{LOOPBACK}:{port}/api"
    words = ["server", "start", "--host", LOOPBACK, "--port", str(port), "--log-level", "WARNING"]
    with subprocess.Popen([sys.executable, "-m", "prefect", *words], stdin=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            _wait_for(url, process)
            print(f"serve: Prefect's pages are at http://{LOOPBACK}:{port}", flush=True)
            with temporary_settings({PREFECT_API_URL: url}):
                yield
        finally:
            process.terminate()
            try:
                process.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()


def free_port() -> int:
    """Prefect's usual port, or any other where that is taken."""
    for port in (_PORT, 0):
        with contextlib.suppress(OSError), socket.create_server((LOOPBACK, port)) as own:
            return int(own.getsockname()[1])
    raise ServerError("Prefect's server needs a port on 127.0.0.1; none is free. Name a server in PREFECT_API_URL")


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health", timeout=5).text.strip() == "true":
                return
        time.sleep(0.5)
    raise ServerError("Prefect's server did not start. Look at its lines above, or start one and name it in PREFECT_API_URL")


def _watch(watch: Watch, poll_seconds: float) -> None:
    """Starts a run of the deployment whenever the source has changed and is quiet."""
    watch_source(watch, poll_seconds, start_run=_start_run, say=lambda line: print(line, flush=True))


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


def _start_run() -> None:
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(f"{rebuild.name}/{deployment_name()}")
        client.create_flow_run_from_deployment(deployment.id, parameters={"trigger": "source changed"})
