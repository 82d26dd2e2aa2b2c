"""`darkroom iterate` in a project: ended amid a training it leaves all as it was."""

import hashlib
import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.end_to_end.conftest import ENVIRONMENT, Project

KEPT = ("params.yaml", "dvc.lock", "artifacts/model.keras", "artifacts/predictions.parquet", "reports/diagnosis.json")


def state_of(project: Project) -> dict[str, str]:
    files = {name: hashlib.md5((project.root / name).read_bytes()).hexdigest() for name in KEPT}
    return {**files, "branch": project.run("git", "status", "--short", "--branch").output}


def end_amid_training(project: Project) -> str:
    """Starts to iterate, asks the process to end when it trains, and returns what it printed."""
    with subprocess.Popen(
        ["darkroom", "iterate", "--seeds", "1"],
        cwd=project.root,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        holder = project.root / ".darkroom/lock"
        while "pipelines.stages.train" not in holder.read_text():
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        output: str = process.communicate()[0]
    assert process.returncode != 0
    return output


def plant(project: Project, changes: dict[str, object]) -> None:
    """Lets the report propose this alone, as if diagnose had said so."""
    report = json.loads(project.read("reports/diagnosis.json"))
    report["findings"] = report["findings"][:1]
    report["findings"][0]["actions"] = [{"text": "Try it.", "command": "dvc exp run", "changes": changes}]
    path = project.root / "reports/diagnosis.json"
    path.unlink()  # it may be a link into DVC's cache
    path.write_text(json.dumps(report))
    assert project.run("dvc", "commit", "--force", "diagnose").exit_code == 0
    assert project.run("git", "commit", "-qam", "another report").exit_code == 0


def test_proposals_are_tried_and_the_workspace_stays(make_ran_project: Callable[[], Project]) -> None:
    project = make_ran_project()
    plant(project, {"train.epochs": 1})
    before = state_of(project)
    end_amid_training(project)
    assert state_of(project) == before
    assert not Path(project.root / ".darkroom/workspace").exists()

    ended = project.run("darkroom", "iterate", "--seeds", "1")
    assert ended.exit_code == 0, ended.output
    assert "round 1, proposal 1, train.epochs=1: " in ended.output
    assert state_of(project) == before
    (outcome,) = json.loads(project.read("reports/iterate.json"))["rounds"][0]["outcomes"]
    assert outcome["difference"]["paired"]
    assert outcome["difference"]["after"] < 1
    assert "iterate-1-1" in project.run("dvc", "exp", "list", "--name-only").output
