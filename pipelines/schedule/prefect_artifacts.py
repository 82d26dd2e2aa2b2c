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
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.sorting import TaskRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from dataprep.core.artifacts import read_document
from dataprep.core.errors import in_short
from models.compare.gate import Judgement
from models.diagnose.diagnosis import Diagnosis
from pipelines.schedule.killed_runs import killed_runs, remove
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
    create_table_artifact(table=score_rows(run.metrics, earlier), key="metrics")
    create_markdown_artifact(markdown=diagnosis_page(diagnosis), key="diagnosis")
    create_markdown_artifact(markdown=data_page(run.changes.counts, run.drift, judgement, earlier), key="data")
    create_link_artifact(link=report.resolve().as_uri(), link_text=str(report), key="report")


def end_killed_runs(server: str) -> list[str]:
    """Gives runs that were killed in this folder an end: the state Crashed, also for the tasks that ran in them.

    Returns:
        One line for each.
    """
    lines = []
    for entry in killed_runs(server):
        with get_client(sync_client=True) as client, contextlib.suppress(ObjectNotFound):  # of a server with another database
            number = UUID(entry.flow_run)
            message = f"Its process {entry.pid} was killed."
            found = client.read_flow_run(number)
            _end_tasks(client, number, message)
            if found.state is None or not found.state.is_final():
                client.set_flow_run_state(number, Crashed(message=message), force=True)
            lines.append(f"run {found.name} was killed (process {entry.pid}); it is now Crashed and no longer Running")
        remove(entry)
    return lines


def _end_tasks(client: SyncPrefectClient, flow_run: UUID, message: str) -> None:
    own = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run]))
    for task in client.read_task_runs(flow_run_filter=own, sort=TaskRunSort.END_TIME_DESC, limit=_MOST_TASKS):
        if task.state is None or not task.state.is_final():
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
