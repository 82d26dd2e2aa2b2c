"""A version in Git: one commit of dvc.lock and the record of the version, and its tag, or neither.

Changes of the user are never part of it: nothing may be staged, and only dvc.lock and the records are committed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dataprep.core.errors import DarkroomError, first_five, on_one_line
from pipelines.parameters.params import PARAMS_FILE
from pipelines.project.derived_graph import RECORD
from pipelines.versions.model_versions import TAG
from pipelines.workspace.dvc_graph import DVC_FILE, declared_outputs, last_line, read_stages
from pipelines.workspace.dvc_lock_backup import DVC_LOCK
from pipelines.workspace.repository_checks import read_history, run_git

_UNFINISHED = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD")
"""What Git keeps of an operation that a commit would end."""


class CommitError(DarkroomError):
    """A version cannot be committed."""


def need_committable() -> None:
    """Refuses to begin where a version could not be committed, or its commit would not be what was run.

    Raises:
        CommitError: there is no repository with a commit, something is staged or amid a merge, or what the stages depend on
            has changes that are not committed.
    """
    if read_history() != "commits":
        raise CommitError(
            "publish.commit needs a Git repository with a commit; this folder has none. "
            "Run: git init && git add . && git commit -m start; or set publish.commit to false"
        )
    _need_clean_index()
    changed = [line[3:] for line in _git("status", "--porcelain", "--", *_sources()).splitlines()]
    if changed:
        raise CommitError(
            f"publish.commit needs params.yaml, dvc.yaml and the code as in the last commit, so that the version can be made "
            f"again; {first_five(changed)} is not. Commit it, or set publish.commit to false"
        )


def tags() -> list[str]:
    """The tags of versions; none outside a repository."""
    return run_git("tag", "--list", f"{TAG}*").stdout.split() if read_history() == "commits" else []


def tag_dates() -> dict[str, str]:
    """The day on which each version was tagged, by its tag; nothing outside a repository."""
    listed = run_git("for-each-ref", "--format=%(refname:short) %(creatordate:short)", f"refs/tags/{TAG}*").stdout
    return dict(line.split() for line in listed.splitlines())


@contextmanager
def committed(paths: Sequence[Path], message: str, tag: str) -> Iterator[str]:
    """Commits these files and tags the commit; if the body fails, or a step of it, neither is there afterwards.

    Yields:
        The hash of the commit.

    Raises:
        CommitError: Git refuses, as where a hook does, or something is staged.
    """
    _need_clean_index()
    names = [str(path) for path in paths]
    before = _git("rev-parse", "HEAD").strip()
    tagged = False
    try:
        _git("add", "--", *names)
        _git("commit", "--quiet", "--only", f"--message={message}", "--", *names)
        _git("tag", "--annotate", f"--message={message}", tag, "HEAD")
        tagged = True
        yield _git("rev-parse", "HEAD").strip()
    except BaseException:
        _undo(before, names, tag if tagged else None)
        raise


def _undo(before: str, names: Sequence[str], tag: str | None) -> None:
    """Takes tag and commit away; the files themselves stay as they are."""
    if tag:
        run_git("tag", "--delete", tag)
    after = run_git("rev-parse", "HEAD").stdout.strip()
    if after != before and run_git("rev-parse", "HEAD~1").stdout.strip() == before:
        run_git("update-ref", "HEAD", before, after)
    run_git("reset", "--quiet", "--", *names)


def _need_clean_index() -> None:
    staged = _git("diff", "--cached", "--name-only").splitlines()
    if staged:
        raise CommitError(
            f"publish.commit needs an index in which nothing is staged; {first_five(staged)} is. Commit it, or: git reset"
        )
    unfinished = [name for name in _UNFINISHED if run_git("rev-parse", "--quiet", "--verify", name).returncode == 0]
    if unfinished:
        raise CommitError(f"publish.commit cannot commit amid a merge or the like (Git has {unfinished[0]}). End it first")


def _sources() -> list[str]:
    """What dvc.lock is made from and Git keeps: the graph, the parameters, the code."""
    stages = read_stages()
    made = {path for _, path in declared_outputs(stages)}
    deps = {dep for stage in stages.values() for dep in stage.get("deps", []) if isinstance(dep, str) and "${" not in dep}
    return sorted({str(DVC_FILE), str(PARAMS_FILE), str(RECORD), "models/networks", *deps} - made - {str(DVC_LOCK)})


def _git(*arguments: str) -> str:
    try:
        ended = run_git(*arguments)
    except OSError as error:
        raise CommitError(
            "publish.commit needs Git; it is not installed. Install it, or set publish.commit to false"
        ) from error
    if ended.returncode:
        said = last_line(ended.stderr) or last_line(ended.stdout) or f"exit code {ended.returncode}"
        raise CommitError(on_one_line(f"git {arguments[0]} must succeed; it says {said!r}. Mend that and run the flow again"))
    return ended.stdout
