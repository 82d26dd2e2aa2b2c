"""What is said of a folder in which DVC would not start, or dvclive would fail in training."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from pipelines.workspace.dvc_graph import stage_order
from pipelines.workspace.repository_checks import RepositoryError, need_commit, need_repository, read_history
from tests.closure import ROOT
from tests.stage_command import stage_command

WAYS_OUT = "Run: git init && git add . && git commit -m start; or, to do without Git: dvc config core.no_scm true"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = tmp_path / "project"
    (project / ".dvc").mkdir(parents=True)
    (project / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text())
    monkeypatch.chdir(project)
    return project


def git(*arguments: str, cwd: Path | None = None) -> None:
    subprocess.run(["git", "-c", "user.name=test", "-c", "user.email=test@localhost", *arguments], cwd=cwd, check=True)


def test_no_history_is_one_line_and_so_is_dvc_s_refusal_of_it(folder: Path) -> None:
    line = f"DVC needs a Git repository; '{folder}' is in none. {WAYS_OUT}"
    for ask in (need_repository, stage_order):
        with pytest.raises(RepositoryError, match=f"^{re.escape(line)}$"):
            ask()
    need_commit()  # a stage by hand works without Git


def test_a_repository_without_a_commit_is_one_line(folder: Path) -> None:
    git("init", "-q")
    line = f"training needs a commit in the Git repository; '{folder}' has none. {WAYS_OUT}"
    for need in (need_repository, need_commit):
        with pytest.raises(RepositoryError, match=f"^{re.escape(line)}$"):
            need()
    git("commit", "-q", "--allow-empty", "-m", "start")
    need_repository()
    need_commit()


def test_a_stage_says_it_before_anything_is_read(folder: Path) -> None:
    git("init", "-q")
    ended = subprocess.run(
        stage_command("split"),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    assert ended.stderr == f"error: training needs a commit in the Git repository; '{folder}' has none. {WAYS_OUT}\n"


@pytest.mark.parametrize("with_git", [False, True])
def test_dvc_may_be_set_to_do_without_git(folder: Path, *, with_git: bool) -> None:
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n")
    if with_git:
        git("init", "-q")
    need_repository()
    need_commit()


def test_within_another_repository_its_commits_count(folder: Path) -> None:
    git("init", "-q", cwd=folder.parent)
    with pytest.raises(RepositoryError, match="training needs a commit"):
        need_repository()
    git("commit", "-q", "--allow-empty", "-m", "start", cwd=folder.parent)
    need_repository()
    (folder.parent / ".gitignore").write_text("/project/\n")
    with pytest.raises(
        RepositoryError, match=r"since DVC refuses what Git ignores; the repository around .* ignores it\. Correct"
    ):
        need_repository()


def test_without_the_hidden_folder_it_says_how_to_get_it(folder: Path) -> None:
    (folder / ".dvc").rmdir()
    with pytest.raises(
        RepositoryError, match=r"the folder \.dvc must be beside dvc\.yaml; it is missing.* git checkout \.dvc, or"
    ):
        need_repository()


def test_where_git_is_not_installed_or_refuses_nothing_is_claimed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    assert read_history() == "no repository"
    (folder / ".git").mkdir()
    assert read_history() == "unknown"
    (folder / "git").write_text("#!/bin/sh\necho 'fatal: detected dubious ownership' >&2\nexit 128\n")
    (folder / "git").chmod(0o755)
    assert read_history() == "unknown"
    need_repository()


def test_words_of_git_that_are_no_utf_8_are_read(folder: Path) -> None:
    Path(".git").write_bytes(b"gitdir: /nowhere/\xff\n")
    assert read_history() == "no repository"
