"""Where a project stands: what is out of date and why, its images, the last scores, who is at work, what is next."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from dataprep.config.base import SPLITS
from dataprep.core.artifacts import read_document
from dataprep.core.errors import ArtifactError, DarkroomError
from dataprep.store.manifest import read_manifest
from models.diagnose.diagnosis import Diagnosis
from models.diagnose.metrics import Metrics
from pipelines.parameters.params import read_params
from pipelines.project.code_record import check_code
from pipelines.project.shipped_files import installed_version
from pipelines.workspace.at_work import holder_now
from pipelines.workspace.dvc_graph import declared_outputs, output_path, read_stages, stale_reasons, status_of_stages


@dataclass(frozen=True, slots=True)
class Status:
    """What is shown; None or empty where nothing is known.

    Attributes:
        version: of the package that runs.
        running: who is at work.
        other_code: how the installed package differs from the recorded one, so that no stage runs.
        wrong_params: what is wrong with params.yaml.
        stale: stages that the next run makes anew, with the reasons.
        num_stages: of the graph.
        images: images by status, as in the manifest.
        scores: of the last run.
        verdict: the headline of the gravest finding, and its first action.
    """

    version: str
    running: str | None
    other_code: str | None
    wrong_params: str | None
    stale: dict[str, list[str]]
    num_stages: int
    images: dict[str, int]
    scores: Metrics | None
    verdict: tuple[str, str] | None

    @property
    def next_command(self) -> str:
        """What to type next."""
        if self.running is not None:
            return "darkroom status, when it has ended"
        if self.other_code is not None:
            return "darkroom upgrade"
        if self.wrong_params is not None:
            return "correct params.yaml"
        if self.stale:
            return "dvc repro"
        return "darkroom open"


def read_status() -> Status:
    """Reads the project in the current folder.

    Raises:
        GraphError: there is no project.
    """
    stages = read_stages()
    running = holder_now()
    return Status(
        version=installed_version(),
        running=running,
        other_code=_refusal(check_code),
        wrong_params=_refusal(read_params),
        stale={} if running else stale_reasons(status_of_stages()),
        num_stages=len({stage for stage, _ in declared_outputs(stages)}),
        images=_images(),
        scores=_scores(),
        verdict=_verdict(),
    )


def _refusal(check: Callable[[], object]) -> str | None:
    try:
        check()
    except DarkroomError as error:
        return str(error)
    return None


def _images() -> dict[str, int]:
    with contextlib.suppress(ArtifactError):
        rows = read_manifest(output_path("ingest", "manifest.parquet"), ["status"])
        return dict(rows.group_by(pl.col("status")).len().sort("len", descending=True).rows())
    return {}


def _scores() -> Metrics | None:
    with contextlib.suppress(ArtifactError):
        return read_document(output_path("diagnose", "metrics.json"), Metrics, stage="diagnose")
    return None


def _verdict() -> tuple[str, str] | None:
    with contextlib.suppress(ArtifactError):
        first = read_document(output_path("diagnose", "diagnosis.json"), Diagnosis, stage="diagnose").first
        action = first.actions[0] if first.actions else None
        return first.headline, "" if action is None else " ".join(filter(None, (action.text, action.command)))
    return None


def status_lines(status: Status) -> list[str]:
    """The status in lines, each with its subject first."""
    lines = [f"darkroom: {status.version}"]
    lines.append(f"running: {status.running or 'nothing'}")
    lines += [f"refused: {why}" for why in (status.other_code, status.wrong_params) if why is not None]
    if status.scores is None and len(status.stale) >= status.num_stages:
        lines.append("out of date: everything; nothing was made yet")
    elif status.stale:
        lines += [f"out of date: {stage} ({'; '.join(reasons)})" for stage, reasons in status.stale.items()]
    elif status.running is None:
        lines.append("out of date: nothing that is known; dvc repro looks for new images")
    if status.images:
        lines.append(f"images: {', '.join(f'{count:,} {name}' for name, count in status.images.items())}")
    if status.scores is not None:
        lines += [f"{split} accuracy: {status.scores.of_split(split).in_words}" for split in reversed(SPLITS[1:])]
    if status.verdict is not None:
        headline, action = status.verdict
        lines += [f"verdict: {headline}", *([f"proposed: {action}"] if action else [])]
    return [*lines, f"next: {status.next_command}"]
