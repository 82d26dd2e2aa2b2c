"""The verbs are the files of `pipelines/commands/`, and a help page loads no library that takes long."""

import re
import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from pipelines.cli import app, verb_name
from tests.closure import ROOT

MODULES = sorted(path.stem for path in (ROOT / "pipelines/commands").glob("[a-z]*.py"))
VERBS = [verb_name(module) for module in MODULES]
SLOW = {
    "albumentations",
    "cv2",
    "dvc",
    "h5py",
    "keras",
    "matplotlib",
    "numpy",
    "polars",
    "prefect",
    "ruamel",
    "sklearn",
    "tensorflow",
    "upath",
}


def test_each_file_is_a_verb_with_a_test() -> None:
    assert [info.name for info in app.registered_groups] == ["preview"]
    assert sorted([str(info.name) for info in app.registered_commands] + ["preview"]) == sorted(VERBS)
    folders = [ROOT / "tests/pipelines", ROOT / "tests/end_to_end"]
    tests = {path.stem.removeprefix("test_") for folder in folders for path in folder.rglob("test_*.py")}
    assert set(MODULES) <= tests


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_a_help_page(verb: str) -> None:
    ended = CliRunner().invoke(app, [verb, "--help"], catch_exceptions=False)
    assert ended.exit_code == 0
    assert f"Usage: root {verb}" in ended.output.replace("darkroom", "root")


def test_a_help_page_loads_no_slow_library() -> None:
    code = (
        "import sys; sys.argv = ['darkroom', '--help']\n"
        "try:\n    from pipelines.cli import main; main()\n"
        f"except SystemExit:\n    print('loaded:', sorted({SLOW!r} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "loaded: []"


def test_the_version_is_that_of_the_installation() -> None:
    ended = CliRunner().invoke(app, ["--version"], catch_exceptions=False)
    assert ended.output == f"darkroom {version('darkroom')}\n"
    assert ended.exit_code == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete_verbs(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")  # no shell need have started these tests
    ended = CliRunner().invoke(app, ["--show-completion", shell], prog_name="darkroom")
    assert "_DARKROOM_COMPLETE" in ended.output


@pytest.mark.parametrize("columns", ["24", "40", "200"])
def test_a_narrow_terminal_and_no_color_are_respected(columns: str) -> None:
    terminal = {"COLUMNS": columns, "NO_COLOR": "1", "FORCE_COLOR": "1"}
    output = CliRunner().invoke(app, ["--help"], env=terminal, catch_exceptions=False).output
    assert not re.search(r"\033\[([0-9;]*;)?[34]\d", output)
    lines = re.sub(r"\033\[[0-9;]*m", "", output).splitlines()
    assert max(map(len, lines)) <= int(columns)
