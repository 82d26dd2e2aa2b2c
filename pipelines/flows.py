"""The same graph under Prefect, which owns when, retry and see: one task per stage, each `dvc repro --single-item`.

`python -m pipelines.flows` runs it once. Removing this file loses the schedule and nothing else.
"""

import contextlib
import contextvars
import io
import os
import threading
import warnings
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlsplit

from dataprep.core.errors import DarkroomError, in_short
from pipelines.prefect_preconditions import ServerError, check_database, check_home, check_proxies, exempt_loopback
from pipelines.stage_command import run_program

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

import typer
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas import State
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import get_current_settings
from prefect.states import Completed, Failed

from dataprep.config.base import SPLITS
from dataprep.core.artifacts import read_document
from models.diagnose.diagnosis import Diagnosis
from models.diagnose.metrics import Metrics
from pipelines.doctor import mend_troubles
from pipelines.graph import busy_holder, dvc, last_line, output_path, stage_order

Outcome = Literal["ran", "cached", "unchanged"]

_SECONDS = 8.0
"""That a server has to answer."""


@task(task_run_name="{stage}")
def run_stage(stage: str) -> State:
    """Brings one stage up to date; the state's name says whether it ran, came from DVC's cache or was unchanged."""
    finished = dvc("repro", "--single-item", stage, on_line=get_run_logger().info)
    if finished.exit_code:
        return Failed(message=f"{stage}: {reason_of(finished.output)}")
    outcome = outcome_of(finished.output)
    return Completed(name=outcome.capitalize(), message=f"{stage}: {outcome}", data=outcome)


@task(task_run_name="publish")
def publish() -> None:
    """Shows metrics, verdict and report as Prefect artifacts."""
    metrics = read_document(output_path("diagnose", "metrics.json"), Metrics, stage="diagnose")
    diagnosis = read_document(output_path("diagnose", "diagnosis.json"), Diagnosis, stage="diagnose")
    report = output_path("diagnose", "index.html")
    create_table_artifact(table=[{"split": split, **metrics.of_split(split).model_dump()} for split in SPLITS], key="metrics")
    create_markdown_artifact(
        markdown="\n\n".join([f"# {diagnosis.first.headline}", *diagnosis.lines()[1:]]) + "\n",
        key="diagnosis",
    )
    create_link_artifact(link=report.resolve().as_uri(), link_text=str(report), key="report")


@flow(name="rebuild")
def rebuild() -> State:
    """Brings every stage up to date, in DVC's order, then publishes; stops at the first stage that fails."""
    outcomes: dict[str, str] = {}
    for stage in stage_order():
        state = run_stage(stage, return_state=True)
        if not state.is_completed():
            return Failed(message=state.message)
        outcomes[stage] = str(state.name)
    publish()
    return Completed(message=", ".join(f"{stage} {outcome.lower()}" for stage, outcome in outcomes.items()))


def outcome_of(output: str) -> Outcome:
    """Reads from DVC's words what became of a stage."""
    if "Running stage" in output:
        return "ran"
    return "cached" if "is cached" in output else "unchanged"


def reason_of(output: str) -> str:
    """The line that says why: a stage's own error where there is one, else DVC's, which may take several lines."""
    if holder := busy_holder(output):
        return f"one run at a time: {holder}"
    own = [line.removeprefix("error: ") for line in output.splitlines() if line.startswith("error: ")]
    if own:
        return own[-1]
    _, _, message = output.rpartition("ERROR: ")
    return " ".join(message.split()) or last_line(output)


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


def main() -> None:
    """Brings every stage up to date, each as a task of one Prefect flow; takes no options."""
    output_path("diagnose", "index.html")  # outside a project it says so before a server starts
    for line in mend_troubles(deep=False):
        print(line)
    need_server()
    try:
        state = rebuild(return_state=True)
    except RuntimeError as error:
        if "ephemeral Prefect API server" not in str(error):
            raise
        raise ServerError(
            f"Prefect's temporary server did not start ({in_short(error)}). Look at its lines above, or do without: dvc repro"
        ) from error
    if not state.is_completed():
        raise DarkroomError(str(state.message))
    print(f"rebuild: {state.message}")


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(main)

if __name__ == "__main__":
    run_program(app)
