"""Publishing a version: push, then commit and tag, then the switch of `published/`; a step that fails undoes those before.

The push comes first, since what it leaves on the remote when a later step fails is named by nothing.
"""

import contextlib
from collections.abc import Iterator

from dataprep.core.artifacts import write_document
from dataprep.core.errors import DarkroomError, on_one_line
from models.config.publish import PublishConfig
from pipelines.versions.model_versions import (
    VERSIONS,
    Version,
    keep_files,
    next_number,
    record_path,
    scores_in_words,
    switch_to,
)
from pipelines.versions.version_commit import committed, need_committable, tags
from pipelines.workspace.dvc_graph import dvc, error_of, last_line
from pipelines.workspace.dvc_lock_backup import DVC_LOCK


class PushError(DarkroomError):
    """DVC could not push. A remote across a network may answer the next time."""


def need_publishable(config: PublishConfig) -> None:
    """Refuses before anything runs what would be refused after training.

    Raises:
        DarkroomError: there is no remote to push to, or nothing that could be committed.
    """
    if config.commit:
        need_committable()
    if config.push:
        named = [line.split()[0] for line in dvc("remote", "list").output.splitlines() if line.strip()]
        default = last_line(dvc("config", "core.remote").output)
        wanted = config.remote or default
        if not wanted or wanted not in named:
            raise DarkroomError(
                f"publish.push needs a remote of DVC; {f'{wanted!r} is none' if wanted else 'there is no default'}. "
                "Run: dvc remote add --default NAME URL; or set publish.push to false"
            )


def push(config: PublishConfig) -> str:
    """Pushes what dvc.lock names to the remote.

    Returns:
        What DVC said last.

    Raises:
        PushError: it could not.
    """
    ended = dvc("push", *(["--remote", config.remote] if config.remote else []))
    if ended.exit_code:
        raise PushError(on_one_line(f"dvc push must reach the remote; it says {error_of(ended.output)!r}"))
    return last_line(ended.output)


def number_of_next() -> int:
    return next_number(tags())


def publish_version(version: Version, config: PublishConfig, earlier: Version | None) -> str:
    """Records a version, commits it if asked, and makes it the published one; if it fails, all is as it was.

    Returns:
        What was done, in words.

    Raises:
        DarkroomError: Git refuses.
        OSError: the disk is full, or the like.
    """
    record = record_path(version.number)
    with _removed_on_failure(version):
        keep_files(version)
        write_document(record, version)
        if not config.commit:
            switch_to(version)
            return f"version {version.number} is published"
        with committed([DVC_LOCK, VERSIONS], message_of(version, earlier), version.tag) as commit:
            switch_to(version)
            return f"version {version.number} is published, commit {commit[:10]}, tag {version.tag}"


@contextlib.contextmanager
def _removed_on_failure(version: Version) -> Iterator[None]:
    """Takes the record away where publishing fails. Files that were copied already are overwritten by the next version."""
    try:
        yield
    except BaseException:
        record_path(version.number).unlink(missing_ok=True)
        raise


def message_of(version: Version, earlier: Version | None) -> str:
    """The message of the commit: what changed in the data and in the scores."""
    now = version.scores["test"].accuracy
    title = f"Model version {version.number}: test accuracy " + (
        f"{earlier.scores['test'].accuracy:.4f} -> {now:.4f}" if earlier else f"{now:.4f}"
    )
    lines = [
        title,
        "",
        f"Data: {version.changes.images:,} images; {version.changes.in_words}.",
        f"Scores: {scores_in_words(version)}.",
        *(f"Gate: {check.sentence}." for check in version.judgement.checks if check.name == "not worse"),
        *([version.drift.in_words] if version.drift.is_certain else []),
    ]
    return "\n".join(lines) + "\n"
