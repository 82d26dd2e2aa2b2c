"""`darkroom flow` before Prefect is loaded; what it runs stands in tests/pipelines/test_flows.py."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dataprep.core.errors import DarkroomError
from pipelines.cli import app


def test_outside_a_project_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app, ["flow"])
    assert isinstance(ended.exception, DarkroomError)
    assert str(ended.exception).startswith("dvc.yaml must be in the current folder; it is not")


def test_help_and_unknown_options_start_nothing() -> None:
    shown = CliRunner().invoke(app, ["flow", "--help"])
    assert shown.exit_code == 0
    assert "Brings every stage up to date" in shown.output
    assert CliRunner().invoke(app, ["flow", "--hlep"]).exit_code == 2
