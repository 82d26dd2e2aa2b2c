"""Proposals of the report as experiments of DVC: each is trained in this folder, and what it answered is kept aside.

    .darkroom/iterate/<hash of params.yaml and dvc.lock>/<hash of the changes and the seed>/predictions.parquet, split.parquet,
    diagnosis.json

A training whose folder is there is not made again, so an iteration that was stopped goes on where it was.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from dataprep.core.artifacts import read_document
from dataprep.core.errors import DarkroomError
from models.compare.proposal_loop import Changes
from models.compare.run_answers import read_answers
from models.diagnose.diagnosis import Diagnosis
from models.diagnose.finding import Value
from pipelines.parameters.commented_params import load_commented, set_values, write_commented
from pipelines.parameters.params import PARAMS_FILE
from pipelines.parameters.yaml_reading import read_text
from pipelines.versions.kept_workspace import workspace_kept
from pipelines.workspace.dvc_graph import dvc, output_path, reason_of
from pipelines.workspace.dvc_lock_backup import DVC_LOCK
from pipelines.workspace.repository_checks import read_history

FOLDER = Path(".darkroom/iterate")
RECORD = Path("reports/iterate.json")
SEED = "train.seed"

_KEPT = (("evaluate", "predictions.parquet"), ("split", "split.parquet"), ("diagnose", "diagnosis.json"))


@dataclass(frozen=True, slots=True)
class KeptRun:
    """What is left of one training."""

    predictions: Path
    split: Path
    report: Path

    def answers(self, split: Literal["validation", "test"]) -> pl.DataFrame:
        return read_answers(self.predictions, self.split).filter(pl.col("split") == split)

    def diagnosis(self) -> Diagnosis:
        return read_document(self.report, Diagnosis, stage="diagnose")


def run_in_workspace() -> KeptRun:
    """The run whose outputs stand in this folder."""
    return KeptRun(*(output_path(stage, name) for stage, name in _KEPT))


def need_up_to_date(stale: list[str]) -> None:
    """Refuses to begin where the report is not of this params.yaml, or DVC knows no experiments.

    Args:
        stale: the stages that are out of date.

    Raises:
        DarkroomError: it is so.
    """
    if stale:
        raise DarkroomError(f"the report must be up to date; {', '.join(stale)} would run first. Run: dvc repro")
    if read_history() not in ("commits", "unknown"):
        raise DarkroomError(
            "experiments of DVC need a Git repository with a commit; this folder has none. "
            "Run: git init && git add . && git commit -m start"
        )


def folder_of_state() -> Path:
    """Where trainings from this state of the workspace are kept; those of other states are removed."""
    state = hashlib.sha256(PARAMS_FILE.read_bytes() + DVC_LOCK.read_bytes()).hexdigest()[:16]
    if FOLDER.is_dir():
        for other in FOLDER.iterdir():
            if other.name != state:
                shutil.rmtree(other)
    return FOLDER / state


def train_experiment(name: str, changes: Changes, folder: Path) -> KeptRun:
    """Trains once, as an experiment of DVC, and puts the workspace back.

    Args:
        name: of the experiment; one that has it already is replaced.
        changes: keys of params.yaml.
        folder: from `folder_of_state`.

    Raises:
        DarkroomError: the changes cannot be, or a stage fails.
    """
    content = json.dumps(changes, sort_keys=True)
    own = folder / hashlib.sha256(content.encode()).hexdigest()[:16]
    kept = KeptRun(*(own / file for _, file in _KEPT))
    if own.is_dir():
        return kept
    with workspace_kept():
        apply_changes(changes)
        dvc("exp", "remove", name)  # which may not be there
        ended = dvc("exp", "run", "--name", name)
        if ended.exit_code:
            raise DarkroomError(f"experiment {name} must run through; it ended with {reason_of(ended.output)!r}")
        unfinished = own.with_name(f"{own.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for stage, file in _KEPT:
            shutil.copyfile(output_path(stage, file), unfinished / file)
        os.replace(unfinished, own)  # noqa: PTH105  # whole or not at all
    return kept


def with_seed(changes: Changes, seed: int, moved: int) -> dict[str, Value]:
    """Changes, and another seed where it is moved."""
    return {**changes, SEED: seed + moved} if moved else dict(changes)


def apply_changes(changes: Mapping[str, Value]) -> None:
    """Writes changes into params.yaml, whose other lines and comments stay.

    Raises:
        ParamsError: they cannot be together.
    """
    params = load_commented(read_text(PARAMS_FILE))
    set_values(params, changes)
    write_commented(params, PARAMS_FILE)
