"""An earlier version brought back: its parameters and graph from Git, data, model and report from DVC's cache or remote.

The branch stays where it is: `dvc.lock`, `dvc.yaml` and `params.yaml` become those of the version, and then differ from the
last commit. What no commit and no cache holds would be lost, so then nothing begins.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from dataprep.core.artifacts import write_bytes
from dataprep.core.errors import DarkroomError, first_five
from pipelines.parameters.params import PARAMS_FILE
from pipelines.versions.kept_workspace import need_copies
from pipelines.versions.model_versions import TAG, VERSIONS, Version, keep_files, md5_of, switch_to
from pipelines.workspace.dvc_graph import DVC_FILE, GraphError, busy_holder, dvc, error_of, last_line, output_path
from pipelines.workspace.dvc_lock_backup import DVC_LOCK
from pipelines.workspace.earlier_runs import commit_of
from pipelines.workspace.lock import only_run
from pipelines.workspace.repository_checks import run_git

FILES = (DVC_LOCK, DVC_FILE, PARAMS_FILE)


def restore(name: str) -> str:
    """Brings a version back; if it fails, all is as it was.

    Args:
        name: the number of a version, or a revision of Git.

    Returns:
        What was done, in words.

    Raises:
        DarkroomError: there is no such version, something would be lost, or DVC has no copy of its files.
    """
    commit = commit_of(f"{TAG}{name}" if name.isdecimal() else name)
    wanted = {path: _content(commit, path, name) for path in FILES}
    with only_run():
        _need_nothing_lost()
        before = {path: path.read_bytes() for path in FILES if path.is_file()}
        try:
            _write(wanted)
            _check_out(name)
        except BaseException:
            _write(before)
            dvc("checkout", "--force")
            raise
        version = _version_at(commit)
        if version is None:
            return f"{name} is restored ({commit[:10]}); it is no published version, so published/ stays as it is"
        keep_files(version)
        switch_to(version)
        return f"version {version.number} is restored and published ({commit[:10]})"


def _need_nothing_lost() -> None:
    for path in FILES:
        if path.is_file() and not _is_in_a_commit(path):
            raise DarkroomError(
                f"{path} has changes that no commit holds, and they would be lost. Commit it (git commit {path}), or take them "
                f"back: git checkout {path}"
            )
    changed = [path for path in changed_outputs(_status()) if os.path.lexists(path)]  # what is gone is no loss
    if changed:
        raise DarkroomError(
            f"{first_five(changed)} differs from what DVC has a copy of, and would be lost. Run: dvc commit, or dvc repro"
        )
    try:
        need_copies()
    except GraphError:  # nothing was made here yet, as in a fresh clone
        return


def changed_outputs(status: Mapping[str, object]) -> list[str]:
    """The outputs that are others than in dvc.lock, or of which DVC has no copy, by the answer of `dvc status --json`.

    >>> changed_outputs({"train": [{"changed outs": {"a": "modified", "b": "not in cache"}}, "always changed"]})
    ['a', 'b']
    """
    found: list[str] = []
    for reasons in status.values():
        for reason in reasons if isinstance(reasons, list) else []:
            outs = reason.get("changed outs", {}) if isinstance(reason, dict) else {}
            found += list(outs)
    return found


def _status() -> Mapping[str, object]:
    ended = dvc("status", "--json")
    if ended.exit_code:
        holder = busy_holder(ended.output)
        raise DarkroomError(f"DVC cannot look at the outputs: {holder or error_of(ended.output)}")
    answer = json.loads(last_line(ended.output))
    return answer if isinstance(answer, dict) else {}


def _is_in_a_commit(path: Path) -> bool:
    """Whether a commit of any branch or tag holds this very content, so that it can be had again."""
    blob = run_git("hash-object", "--", str(path)).stdout.strip()
    found = run_git("log", "--all", "--max-count=1", "--format=%H", f"--find-object={blob}", "--", str(path))
    return bool(found.stdout.strip())


def _content(commit: str, path: Path, name: str) -> bytes:
    shown = run_git("show", f"{commit}:./{path}")
    if shown.returncode:
        raise DarkroomError(f"{name}: that commit must hold {path}; it does not. Name a version of darkroom history")
    return shown.stdout.encode("utf-8", "surrogateescape")


def _write(contents: Mapping[Path, bytes]) -> None:
    for path, content in contents.items():
        write_bytes(path, [content])


def _check_out(name: str) -> None:
    """From the cache, and what it lacks from the remote."""
    ended = dvc("checkout", "--force")
    if ended.exit_code:
        fetched = dvc("fetch")
        ended = dvc("checkout", "--force")
        if ended.exit_code:
            said = error_of(fetched.output if fetched.exit_code else ended.output)
            raise DarkroomError(
                f"{name}: DVC must have all files of this version in its cache or on its remote; it says {said!r}. "
                "All is as it was"
            )


def _version_at(commit: str) -> Version | None:
    """The record, in a commit, of the model that stands in this folder now."""
    names = run_git("ls-tree", "--name-only", commit, f"./{VERSIONS}/").stdout.split()
    model = md5_of(output_path("train", "model.keras"))
    for name in sorted(names, reverse=True):
        try:
            version = Version.model_validate_json(run_git("show", f"{commit}:./{VERSIONS}/{Path(name).name}").stdout)
        except ValueError:  # of a later version of Darkroom
            continue
        if version.model == model:
            return version
    return None
