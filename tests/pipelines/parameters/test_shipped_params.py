"""params.yaml and the defaults are one text, until a user edits it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines.project.recipes import DEFAULTS
from tests.closure import ROOT, SHIPPED


def test_params_yaml_is_as_shipped() -> None:
    if "DARKROOM_CI" not in os.environ and is_the_user_s(ROOT):
        pytest.skip("params.yaml has values of your own, which is right; CI compares it with the defaults")
    assert (ROOT / "params.yaml").read_text() == SHIPPED.read_text(), (
        f"params.yaml and {DEFAULTS} must be the same text. After a change of the defaults, run: darkroom recipe --reset"
    )


def is_the_user_s(root: Path) -> bool:
    """Whether params.yaml is another one than that in the last commit that changed the defaults, edited or committed since."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False).stdout

    last = git("log", "-1", "--format=%H", "--", str(DEFAULTS)).strip()
    return git("show", f"{last}:params.yaml") != (root / "params.yaml").read_text()


def test_only_a_params_yaml_that_the_user_changed_is_the_user_s(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True)

    shutil.copy(SHIPPED, tmp_path)
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    assert is_the_user_s(tmp_path)  # nobody knows, without Git
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "start")
    (tmp_path / DEFAULTS).write_text("other defaults")
    assert not is_the_user_s(tmp_path)
    git("checkout", "-q", ".")
    (tmp_path / "params.yaml").write_text("my own")
    assert is_the_user_s(tmp_path)
    git("commit", "-qam", "my own")
    assert is_the_user_s(tmp_path)
