"""What a flow leaves at Prefect's server: artifacts of the run, news of a failure, an end for runs that were killed."""

import contextlib
from collections.abc import Callable
from uuid import UUID

from pipelines.schedule import prefect_settings  # noqa: F401  # before Prefect, which reads settings when it is imported

# isort: split
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas import FlowRun, TaskRun
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import TaskRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from dataprep.core.artifacts import read_document
from dataprep.core.errors import in_short
from models.compare.gate import Judgement
from models.diagnose.diagnosis import Diagnosis
from pipelines.schedule.killed_runs import ended_runs, remove, runs_alive
from pipelines.schedule.run_summary import data_page, diagnosis_page, score_rows
from pipelines.versions.compare_with_published import Run
from pipelines.workspace.dvc_graph import output_path

WEBHOOK = "darkroom-webhook"
"""The name of Prefect's secret that holds the address to which news is sent."""

_MOST_TASKS = 200


def publish_artifacts(run: Run, judgement: Judgement | None) -> None:
    """Shows scores against the published version, the diagnosis, the place of the report, and what changed in the data."""
    earlier = run.earlier.version if run.earlier else None
    diagnosis = read_document(output_path("diagnose", "diagnosis.json"), Diagnosis, stage="diagnose")
    report = output_path("diagnose", "index.html")
    data = data_page(run.changes.counts, run.drift, judgement, earlier)
    create_table_artifact(table=score_rows(run.metrics, earlier), key="metrics", description="Scores of each split")
    create_markdown_artifact(markdown=diagnosis_page(diagnosis), key="diagnosis", description="What to do next")
    create_markdown_artifact(markdown=data, key="data", description="What changed, drift, the gate")
    create_link_artifact(link=report.resolve().as_uri(), link_text=str(report), key="report", description="Where the page is")


def end_killed_runs(server: str) -> list[str]:
    """Gives runs that were killed in this folder an end: the state Crashed, also for the tasks that ran in them.

    Args:
        server: whose runs; empty for an own one.

    Returns:
        One line for each.
    """
    lines = []
    for entry in ended_runs(server):
        with get_client(sync_client=True) as client:
            lines += [_end(client, run, f"process {entry.pid}") for run in _runs_of(client, entry.run) if not _is_final(run)]
        remove(entry)
    return lines


def end_lost_runs(deployment: str) -> list[str]:
    """Gives those runs of a deployment an end that no process is known to run, for example where one was killed as it began.

    Args:
        deployment: its name; nobody else may serve it now.

    Returns:
        One line for each.
    """
    begun = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]))
    named = DeploymentFilter(name=DeploymentFilterName(any_=[deployment]))
    known = runs_alive()
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(deployment_filter=named, flow_run_filter=FlowRunFilter(state=begun))
        return [_end(client, run, "its process is not known") for run in found if str(run.id) not in known]


def _runs_of(client: SyncPrefectClient, name: str) -> list[FlowRun]:
    """The run of this id, or the runs with this tag; none at a server with another database."""
    try:
        number = UUID(name)
    except ValueError:
        return client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[name])))
    with contextlib.suppress(ObjectNotFound):
        return [client.read_flow_run(number)]
    return []


def _is_final(run: FlowRun | TaskRun) -> bool:
    return run.state is not None and run.state.is_final()


def _end(client: SyncPrefectClient, run: FlowRun, process: str) -> str:
    message = f"It was killed ({process})."
    _end_tasks(client, run.id, message)
    client.set_flow_run_state(run.id, Crashed(message=message), force=True)
    return f"run {run.name} was killed ({process}); it is now Crashed and no longer Running"


def _end_tasks(client: SyncPrefectClient, flow_run: UUID, message: str) -> None:
    own = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run]))
    for task in client.read_task_runs(flow_run_filter=own, sort=TaskRunSort.END_TIME_DESC, limit=_MOST_TASKS):
        if not _is_final(task):
            client.set_task_run_state(task.id, Crashed(message=message), force=True)


def tell(subject: str, body: str, say: Callable[[str], None]) -> None:
    """Sends news to the webhook whose address the secret holds; without that secret, to nobody.

    Args:
        subject: one line.
        body: the rest.
        say: hears why news could not be sent; the run does not fail for it.
    """
    try:
        secret: object = Secret.load(WEBHOOK).get()  # type: ignore[union-attr]  # Prefect types it as of both worlds
    except ValueError:  # there is none
        return
    try:
        text = {"text": "{{subject}}\n{{body}}"}
        block = CustomWebhookNotificationBlock(name="darkroom", url=str(secret), json_data=text, headers=None, cookies=None)
        block.notify(body, subject)
    except Exception as error:  # noqa: BLE001  # whatever its client meets; a run does not fail for it
        say(f"news could not be sent to the address in secret {WEBHOOK} ({type(error).__name__}: {in_short(error)[:200]})")
