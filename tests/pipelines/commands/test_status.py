import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.workspace.dvc_graph import GraphError
from tests.closure import ROOT, SHIPPED


def test_status_of_a_new_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GraphError, match=r"dvc.yaml must be in the current folder"):
        CliRunner().invoke(app, ["status"], catch_exceptions=False)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    shutil.copy(SHIPPED, tmp_path)
    monkeypatch.setattr(
        "pipelines.project.status.status_of_stages", lambda: '{"ingest": ["always changed"], "train": ["changed command"]}'
    )
    output = CliRunner().invoke(app, ["status"], catch_exceptions=False).output
    assert "out of date: train (changed command)\n" in output
    assert output.endswith("next: dvc repro\n")
