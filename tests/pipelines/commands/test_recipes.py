from pathlib import Path

import pytest
from typer.testing import CliRunner

from dataprep.core.errors import ParamsError
from pipelines.cli import app


def test_recipes_are_listed_anywhere_and_applied_in_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "mnist-cnn" in CliRunner().invoke(app, ["recipes"], catch_exceptions=False).output
    with pytest.raises(ParamsError, match=r"^params.yaml is missing\. Run from the project's root"):
        CliRunner().invoke(app, ["recipe", "mnist-cnn"], catch_exceptions=False)
