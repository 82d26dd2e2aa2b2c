"""Outputs of a commit, a tag, an experiment or a folder."""

import re
import subprocess
from pathlib import Path

import pytest

from dataprep.core.errors import ArtifactError, DarkroomError
from pipelines.workspace.earlier_runs import find_run

SPLIT, MODEL = Path("data/split.parquet"), Path("artifacts/model.keras")
LOCK = """\
schema: '2.0'
stages:
  split:
    cmd: python
    outs:
    - path: data/split.parquet
      hash: md5
      md5: 0123456789abcdef0123456789abcdef
    - path: artifacts/model.keras
      hash: md5
      md5: {md5}
"""


def git(*arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project below the root of its repository, with a commit that has a run and one before it, and DVC's cache."""
    project, cache = tmp_path / "repository/project", tmp_path / "cache"
    project.mkdir(parents=True)
    monkeypatch.chdir(project)
    monkeypatch.setattr("pipelines.workspace.earlier_runs.cache_folder", lambda: cache)
    git("init", "-q", "..")
    git("commit", "-q", "--allow-empty", "-m", "start")
    Path("dvc.lock").write_text(LOCK.format(md5="f" * 32))
    git("add", "dvc.lock")
    git("commit", "-qm", "run")
    git("tag", "good")
    git("update-ref", "refs/exps/ab/cdef/bold-idea", "HEAD")
    copy = cache / "files/md5/01/23456789abcdef0123456789abcdef"
    copy.parent.mkdir(parents=True)
    copy.write_text("split")
    return cache


@pytest.mark.parametrize("name", ["HEAD", "good", "bold-idea"])
def test_a_revision_is_read_from_the_cache(cache: Path, name: str) -> None:
    run = find_run(name, [SPLIT, MODEL])
    assert run.need(SPLIT).read_text() == "split"
    with pytest.raises(
        ArtifactError, match=rf"^{name}: artifacts/model.keras must be in that folder or in DVC's cache; it is not"
    ):
        run.need(MODEL)


def test_a_folder_is_read_as_it_stands(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "other/data").mkdir(parents=True)
    (tmp_path / "other" / SPLIT).write_text("other")
    run = find_run(str(tmp_path / "other"), [SPLIT, MODEL])
    assert run.files == {SPLIT: tmp_path / "other" / SPLIT}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("HEAD~1", "HEAD~1: that commit must hold dvc.lock; it does not"),
        (
            "nothing",
            "'nothing' must be a folder with the outputs of a run, a revision of Git or an experiment of DVC; it is none",
        ),
        ("--all", "'--all' must be a folder"),
        ("idea", "'idea' must be a folder"),
    ],
)
def test_what_is_no_run_is_one_line(cache: Path, name: str, words: str) -> None:
    with pytest.raises(DarkroomError, match=f"^{re.escape(words)}") as refused:
        find_run(name, [SPLIT])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["stages: [", "stages: 3", "{}", LOCK.format(md5="[1]").replace("outs:", "outs: 4 #")])
def test_a_lock_that_cannot_be_read_is_one_line(cache: Path, text: str) -> None:
    Path("dvc.lock").write_text(text)
    git("commit", "-qam", "torn")
    with pytest.raises(DarkroomError, match=r"^HEAD: its dvc.lock cannot be read \(") as refused:
        find_run("HEAD", [SPLIT])
    assert "\n" not in str(refused.value)


def test_what_is_no_hash_leads_to_no_file(cache: Path) -> None:
    (cache / "files/secret").write_text("")
    Path("dvc.lock").write_text(LOCK.format(md5="'..secret'"))
    git("commit", "-qam", "crafted")
    assert list(find_run("HEAD", [SPLIT, MODEL]).files) == [SPLIT]
