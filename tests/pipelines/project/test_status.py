import json
from dataclasses import replace

import polars as pl
import pytest

from models.diagnose.metrics import measure
from pipelines.project.status import Status, status_lines
from pipelines.workspace.dvc_graph import stale_reasons
from tests.models.made_up import answers

METRICS = measure(pl.concat([answers(["a", "b"] * 20, ["a", "b"] * 20, split) for split in ("train", "validation", "test")]))
DONE = Status("1.0", None, None, None, {}, 8, {"ok": 40, "skipped": 2}, METRICS, ("All is well.", "Stop. dvc push"))
NEW = replace(DONE, stale={str(stage): ["changed outs"] for stage in range(8)}, images={}, scores=None, verdict=None)


def test_a_finished_project_says_its_scores_and_opens_its_report() -> None:
    assert status_lines(DONE) == [
        "darkroom: 1.0",
        "running: nothing",
        "out of date: nothing that is known; dvc repro looks for new images",
        "images: 40 ok, 2 skipped",
        "test accuracy: 1.0000 (0.9124 to 1.0000; 40 images)",
        "validation accuracy: 1.0000 (0.9124 to 1.0000; 40 images)",
        "verdict: All is well.",
        "proposed: Stop. dvc push",
        "next: darkroom open",
    ]


@pytest.mark.parametrize(
    ("status", "line", "command"),
    [
        (NEW, "out of date: everything; nothing was made yet", "dvc repro"),
        (
            replace(DONE, stale={"train": ["seed modified", "data new"]}),
            "out of date: train (seed modified; data new)",
            "dvc repro",
        ),
        (replace(DONE, running="process 7 works"), "running: process 7 works", "darkroom status, when it has ended"),
        (replace(NEW, other_code="other code"), "refused: other code", "darkroom upgrade"),
        (replace(NEW, wrong_params="wrong key"), "refused: wrong key", "correct params.yaml"),
    ],
)
def test_each_state_has_its_line_and_its_next_command(status: Status, line: str, command: str) -> None:
    lines = status_lines(status)
    assert line in lines
    assert lines[-1] == f"next: {command}"


def test_the_code_of_a_stage_is_a_reason_like_a_parameter() -> None:
    said = {"split": [{"changed deps": {"darkroom-version.yaml": {"stages.split": "modified"}}}], "ingest": ["always changed"]}
    assert stale_reasons(json.dumps(said)) == {"split": ["stages.split modified"]}
