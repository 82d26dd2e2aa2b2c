"""Git and DVC around the project: what DVC wants of a folder, said before it is needed."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal, TypeAlias

from dataprep.core.errors import DarkroomError

History: TypeAlias = Literal["commits", "no commit", "no repository", "unknown"]

_WAYS_OUT = "Run: git init && git add . && git commit -m start; or, to do without Git: dvc config core.no_scm true"


class RepositoryError(DarkroomError):
    """The folder is under no Git or DVC, or has no commit."""


def need_repository() -> None:
    """Refuses a folder in which DVC would not start, or dvclive would fail in training.

    Raises:
        RepositoryError: .dvc is missing, or there is no Git repository or commit and DVC is not set to do without.
    """
    if not Path(".dvc").is_dir():
        raise RepositoryError(
            "the folder .dvc must be beside dvc.yaml; it is missing, as after a copy without hidden files. Restore it: "
            "git checkout .dvc, or make it: dvc init (with --subdir within another Git repository, with --no-scm without Git)"
        )
    history = read_history()
    if history == "no repository" and not _does_without_git():
        raise RepositoryError(f"DVC needs a Git repository; {_here()} is in none. {_WAYS_OUT}")
    _need_commit(history)
    if history == "commits" and run_git("check-ignore", "--quiet", "dvc.yaml").returncode == 0:
        raise RepositoryError(
            f"dvc.yaml must be visible to Git, since DVC refuses what Git ignores; the repository around {_here()} ignores it. "
            "Correct its .gitignore, or give this folder its own repository: git init && git add . && git commit -m start"
        )


def need_commit() -> None:
    """Refuses a Git repository without a commit, in which dvclive fails when training begins.

    Raises:
        RepositoryError: there is no commit and DVC is not set to do without Git.
    """
    _need_commit(read_history())


def read_history() -> History:
    """What Git knows of the current folder, which may lie within a larger repository."""
    try:
        ended = run_git("rev-parse", "--quiet", "--verify", "HEAD")
    except OSError:  # no Git on this machine; DVC reads repositories without it
        here = Path.cwd()
        return "unknown" if any((folder / ".git").exists() for folder in (here, *here.parents)) else "no repository"
    if ended.returncode == 0:
        return "commits"
    if "not a git repository" in ended.stderr:
        return "no repository"
    return "no commit" if not ended.stderr.strip() else "unknown"  # as with a repository of another user


def _need_commit(history: History) -> None:
    if history == "no commit" and not _does_without_git():
        raise RepositoryError(f"training needs a commit in the Git repository; {_here()} has none. {_WAYS_OUT}")


def run_git(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Git, which speaks English and asks nothing; OSError where there is none."""
    environment = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}  # its words are read
    return subprocess.run(  # noqa: S603
        ["git", *arguments],  # noqa: S607
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",  # it prints names of folders, which may be any bytes
        check=False,
    )


def _does_without_git() -> bool:
    """Whether DVC's configuration, of the project, the user or the system, says so."""
    command = [sys.executable, "-P", "-m", "dvc", "config", "core.no_scm"]
    answer = subprocess.run(  # noqa: S603  # the arguments are our own
        command, capture_output=True, encoding="utf-8", errors="surrogateescape", check=False
    )
    return answer.stdout.strip().lower() in ("true", "yes", "on", "1")


def _here() -> str:
    return repr(str(Path.cwd()))
