"""The same graph under Prefect, which owns when, retry and see: one task per stage, each `dvc repro --single-item`.

`python -m pipelines.flows` runs it once. Removing this file loses the schedule and nothing else.
"""

import os
from typing import Literal

# Before the import, which reads them. The first start of a temporary server can pass the default limit of 20 s on a small
# machine; and nothing is sent home.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.schemas import State
from prefect.states import Completed, Failed

from dataprep.artifacts import read_document
from dataprep.config import SPLITS
from dataprep.errors import DarkroomError
from models.diagnose import Diagnosis
from models.metrics import Metrics
from pipelines.command import run_program
from pipelines.graph import busy_holder, dvc, last_line, output_path, stage_order

Outcome = Literal["ran", "cached", "unchanged"]


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
        markdown=f"# {diagnosis.headline}\n\n{diagnosis.evidence}\n\n**Next experiment:** {diagnosis.next_experiment}\n",
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
    _, _, told = output.rpartition("ERROR: ")
    return " ".join(told.split()) or last_line(output)


def main() -> None:
    output_path("diagnose", "index.html")  # outside a project it says so before a server starts
    state = rebuild(return_state=True)
    if not state.is_completed():
        raise DarkroomError(str(state.message))
    print(f"rebuild: {state.message}")


if __name__ == "__main__":
    run_program(main)
