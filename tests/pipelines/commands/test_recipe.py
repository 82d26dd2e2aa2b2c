import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dataprep.core.errors import DarkroomError
from pipelines.cli import app
from tests.closure import ROOT, SHIPPED


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(SHIPPED, tmp_path)
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--reset", "mnist-cnn"], "--reset must stand alone"),
        (["--reset", "--source", "raw"], "--reset must stand alone"),
        ([], "recipe must have a name or --reset; got neither. Use one of: cats-dogs, cifar-cnn"),
        (["--source", "raw"], "recipe must have a name or --reset; got neither"),
    ],
)
def test_a_recipe_that_is_not_clear_is_refused(arguments: list[str], line: str) -> None:
    with pytest.raises(DarkroomError) as error:
        CliRunner().invoke(app, ["recipe", *arguments], catch_exceptions=False)
    assert line in str(error.value)


def test_the_command_prints_what_it_changed() -> None:
    ended = CliRunner().invoke(app, ["recipe", "cifar-cnn", "--source", "raw/mine"], catch_exceptions=False)
    assert "prepare.color: gray -> rgb" in ended.output.splitlines()
    assert "params.yaml written, 22 values changed" in ended.output
    ended = CliRunner().invoke(app, ["recipe", "--reset"], catch_exceptions=False)
    assert "params.yaml is recipes/defaults/params.yaml, 22 values changed. Next: dvc repro" in ended.output
