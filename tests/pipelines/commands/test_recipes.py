from pathlib import Path

import pytest
from typer.testing import CliRunner

from dataprep.core.errors import ParamsError
from pipelines.cli import app


@pytest.mark.parametrize("command", [["recipes"], ["recipe", "mnist-cnn"]])
def test_recipes_outside_a_project_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=r"^recipes/ must be in the current folder; it is not\. Run from the project's root$"):
        CliRunner().invoke(app, command, catch_exceptions=False)
