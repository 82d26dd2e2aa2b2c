"""Prefect made ready: its settings, and whether the server that a run needs is there. Import this before Prefect itself."""

import contextlib
import contextvars
import io
import os
import threading
import warnings
from http import HTTPStatus
from urllib.parse import urlsplit

from dataprep.core.errors import in_short
from pipelines.run.program import run_program
from pipelines.schedule.prefect_preconditions import ServerError, check_database, check_home, check_proxies, exempt_loopback

# Before the import, which reads them. The first start of a temporary server can pass the default limit of 20 s on a small
# machine; nothing is sent home; and a profile without a server gets a temporary one.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
if "PREFECT_SERVER_EPHEMERAL_ENABLED" not in os.environ:
    os.environ.setdefault("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "true")
exempt_loopback(os.environ)


def load_settings() -> None:
    """Makes Prefect read its settings, without which it cannot be imported.

    Raises:
        ServerError: a PREFECT_* variable or a profile cannot be.
    """
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):  # what they say is in the error
        warnings.simplefilter("ignore")
        try:
            from prefect.settings import get_current_settings

            get_current_settings()
        except Exception as error:
            raise ServerError(
                f"Prefect cannot read its settings ({in_short(error)}). Correct the PREFECT_* variables of the environment, or "
                "profiles.toml in PREFECT_HOME (~/.prefect)"
            ) from error


run_program(load_settings)

from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import get_current_settings

_SECONDS = 8.0
"""That a server has to answer."""


def need_server() -> None:
    """Refuses to start where Prefect would wait for minutes: asks the server that is named, or looks at what one needs here.

    Raises:
        ServerError: there is and will be none.
    """
    settings = get_current_settings()
    check_proxies()
    if settings.api.url:
        ask_server(settings.api.url)
        return
    if not settings.server.ephemeral.enabled:
        raise ServerError(
            "PREFECT_API_URL must name a server where PREFECT_SERVER_ALLOW_EPHEMERAL_MODE is false; it names none. "
            "Start one (prefect server start) and name it, or unset PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"
        )
    check_home(settings.home)
    names = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")
    if settings.server.database.connection_url:
        name = next((name for name in names if name in os.environ), names[1])
        check_database(settings.server.database.connection_url.get_secret_value(), name)


def ask_server(url: str) -> None:
    """Asks a server whether it is one of Prefect and well, as Prefect's own client would: with its keys, headers and proxies.

    Args:
        url: of its API.

    Raises:
        ServerError: nothing answers within some seconds, or something else does.
    """
    answers: list[str] = []

    def ask() -> None:
        try:
            with get_client(httpx_settings={"timeout": _SECONDS}, sync_client=True) as client:
                answers.append(client.request("GET", "/health").text.strip())
        except PrefectHTTPStatusError as error:
            known = (urlsplit(url).hostname or "").endswith(
                ".prefect.cloud"
            ) and error.response.status_code == HTTPStatus.NOT_FOUND
            answers.append(
                "true" if known else f"its answer is {error.response.status_code}"
            )  # the cloud has another such page
        except Exception as error:  # noqa: BLE001  # each is a reason, and is shown
            answers.append(in_short(error))

    thread = threading.Thread(target=contextvars.copy_context().run, args=(ask,), daemon=True)  # Prefect's settings are in it
    thread.start()
    thread.join(_SECONDS)  # names that nobody resolves, and answers that trickle, know no limit of their own
    answer = answers[0] if answers else f"no answer in {_SECONDS:g} s"
    if answer != "true":
        raise ServerError(
            f"PREFECT_API_URL must be the address of a Prefect API that answers, such as http://127.0.0.1:4200/api; {url!r} is "
            f"not ({' '.join(answer.split())[:200]}). Start it (prefect server start), correct the address, or unset it"
        )
