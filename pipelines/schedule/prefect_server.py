"""The server of a run: the one that PREFECT_API_URL or the profile names, or one of its own, which ends with this process."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

import httpx

from pipelines.schedule import prefect_settings  # noqa: F401  # before Prefect, which reads settings when it is imported

# isort: split
import prefect
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from pipelines.schedule.prefect_preconditions import ServerError
from pipelines.schedule.prefect_settings import need_server

LOOPBACK = "127.0.0.1"
_PORT = 4200
_SECONDS_TO_END = 15.0
_OWN = "DARKROOM_OWN_SERVER"
"""The environment variable with the address of an own server, for the processes below this one."""

_WITHOUT_PAGES: Mapping[str, str] = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}
"""How Prefect starts a temporary server."""


@contextlib.contextmanager
def server(*, with_pages: bool) -> Iterator[None]:
    """Keeps a server up while it lasts, where none is named. It ends with this process, also when that is killed.

    Prefect's own temporary server outlives a flow that is killed, and holds a port until the machine is started again.

    Args:
        with_pages: whether an own one shows Prefect's pages and follows schedules; else it only keeps records.

    Raises:
        ServerError: the server that is named does not answer, or an own one does not start.
    """
    need_server()
    settings = get_current_settings()
    if settings.api.url:
        yield
        return
    port = free_port(_PORT if with_pages else 0)
    url = f"http://{LOOPBACK}:{port}/api"
    words = _serving(port) if with_pages else _recording(port)
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "pipelines.schedule.ends_with_parent", *words],
        stdin=subprocess.PIPE,
        env={**os.environ, **({"PREFECT_UI_API_URL": url} if with_pages else _WITHOUT_PAGES)},  # the pages ask 4200 otherwise
    ) as process:
        try:
            _wait_for(url, process, settings.server.ephemeral.startup_timeout_seconds)
            if with_pages:
                print(f"serve: Prefect's pages are at {url.removesuffix('/api')}", flush=True)
            with temporary_settings({PREFECT_API_URL: url}), _named_as_own(url):
                yield
        finally:
            process.terminate()
            try:
                process.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()


def server_key() -> str:
    """What tells the servers of this folder's runs apart: the address, or "" for own ones, which share one database."""
    url = str(get_current_settings().api.url or "")
    return "" if url == os.environ.get(_OWN) else url


def free_port(wanted: int = 0) -> int:
    """A port that is free on loopback: the one that is wanted, or any other where that is taken.

    Raises:
        ServerError: there is none.
    """
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.create_server((LOOPBACK, port)) as own:
            return int(own.getsockname()[1])
    raise ServerError("Prefect's server needs a port on 127.0.0.1; none is free. Name a server in PREFECT_API_URL")


def _serving(port: int) -> Sequence[str]:
    return ["prefect", "server", "start", "--host", LOOPBACK, "--port", str(port), "--log-level", "WARNING"]


def _recording(port: int) -> Sequence[str]:
    application = ["--app-dir", str(prefect.__module_path__.parent), "--factory", "prefect.server.api.server:create_app"]
    return ["uvicorn", *application, "--host", LOOPBACK, "--port", str(port), "--log-level", "error", "--lifespan", "on"]


@contextlib.contextmanager
def _named_as_own(url: str) -> Iterator[None]:
    os.environ[_OWN] = url
    try:
        yield
    finally:
        os.environ.pop(_OWN, None)


def _wait_for(url: str, process: subprocess.Popen[bytes], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health", timeout=5).text.strip() == "true":
                return
        time.sleep(0.2)
    raise ServerError(
        "Prefect's server did not start. Look at its lines above, start one and name it in PREFECT_API_URL, or: dvc repro"
    )
