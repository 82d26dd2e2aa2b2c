"""A version is published as a whole or not at all, and nothing of the user's is touched. Git is real, DVC is played."""

import subprocess
from pathlib import Path

import pytest

from dataprep.core.errors import ArtifactError, DarkroomError
from models.config.publish import PublishConfig
from pipelines.versions import publish
from pipelines.versions.model_versions import next_number, published_version, read_versions
from pipelines.versions.publish import PushError, message_of, need_publishable, number_of_next, publish_version, push
from pipelines.versions.version_commit import CommitError, need_committable
from pipelines.workspace.dvc_graph import Finished
from tests.pipelines.versions.made_up_versions import version, write_outputs, write_project

QUIET = PublishConfig(commit=False, push=False, remote=None)
COMMITS = PublishConfig(commit=True, push=False, remote=None)
PUSHES = PublishConfig(commit=False, push=True, remote=None)


def git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project under Git after a run: dvc.lock differs from the last commit."""
    for kind in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{kind}_NAME", "test")
        monkeypatch.setenv(f"GIT_{kind}_EMAIL", "test@localhost")
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    Path("notes.txt").write_text("mine\n")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "start")
    Path("dvc.lock").write_text("schema: '2.0'\nstages: {after: {}}\n")
    return tmp_path


def state() -> tuple[str, ...]:
    """All that publishing could change: commits, tags, the index and the working tree."""
    published = published_version()
    return git("rev-parse", "HEAD"), git("tag"), git("status", "--porcelain"), str(published and published.version.number)


def test_without_git_a_version_is_published_in_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    assert published_version() is None
    assert publish_version(version(1), QUIET, None) == "version 1 is published"
    found = published_version()
    assert found is not None
    assert found.version == version(1)
    assert found.file("model.keras").read_text() == "model.keras one"
    write_outputs(tmp_path, "two")
    assert found.file("model.keras").read_text() == "model.keras one"  # a later run does not change it
    publish_version(version(2), QUIET, version(1))
    assert [own.number for own in read_versions()] == [1, 2]
    assert sorted(path.name for path in Path("published").iterdir()) == ["current.json", "v2"]
    assert number_of_next() == 3


@pytest.mark.usefixtures("project")
def test_a_commit_holds_dvc_lock_and_the_record_and_says_what_changed() -> None:
    Path("notes.txt").write_text("changed, not committed\n")
    Path("new.txt").write_text("untracked\n")
    said = publish_version(version(1, 0.95), COMMITS, None)
    assert said == f"version 1 is published, commit {git('rev-parse', 'HEAD')[:10]}, tag model-v1"
    assert git("show", "--name-only", "--format=%s", "HEAD").splitlines() == [
        "Model version 1: test accuracy 0.9500",
        "",
        "dvc.lock",
        "versions/0001.json",
    ]
    assert git("rev-parse", "model-v1^{commit}") == git("rev-parse", "HEAD")
    assert git("status", "--porcelain") == "M notes.txt\n?? new.txt"
    assert number_of_next() == 2


def test_the_message_says_what_changed_in_data_and_scores() -> None:
    assert message_of(version(3, 0.95, drifted=True), version(2, 0.9)).splitlines() == [
        "Model version 3: test accuracy 0.9000 -> 0.9500",
        "",
        "Data: 100 images; 5 new, 1 removed, 0 relabelled, 2 newly quarantined.",
        "Scores: test 0.9500 (0.5000 to 1.0000; 100 images), validation 0.9500 (0.5000 to 1.0000; 100 images).",
        "Gate: against the published model +0.1 points.",
        "Drift: 5 new images differ in brightness (distance 0.50, p = 0.001, median 100 before and 150 now); 0 of 5 are unlike "
        "the training images of the published model.",
    ]


def test_a_hook_that_refuses_leaves_all_as_it_was(project: Path) -> None:
    publish_version(version(1), QUIET, None)
    hook = project / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\necho 'no commits on Fridays' >&2\nexit 1\n")
    hook.chmod(0o755)
    before = state()
    with pytest.raises(CommitError, match=r"git commit must succeed; it says 'no commits on Fridays'"):
        publish_version(version(2), COMMITS, version(1))
    assert state() == before
    assert not Path("versions/0002.json").exists()


@pytest.mark.usefixtures("project")
def test_a_step_that_fails_after_the_commit_takes_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    publish_version(version(1), QUIET, None)
    before = state()
    git("tag", "model-v2")  # by somebody else, a moment ago
    with pytest.raises(CommitError, match="git tag must succeed"):
        publish_version(version(2), COMMITS, version(1))
    git("tag", "--delete", "model-v2")
    assert state() == before

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publish, "switch_to", full)
    with pytest.raises(OSError, match="No space left"):
        publish_version(version(2), COMMITS, version(1))
    assert state() == before


@pytest.mark.usefixtures("project")
def test_what_is_staged_or_amid_a_merge_is_refused() -> None:
    need_committable()
    Path("notes.txt").write_text("staged\n")
    git("add", "notes.txt")
    before = state()
    for refused in (need_committable, lambda: publish_version(version(1), COMMITS, None)):
        with pytest.raises(
            CommitError, match=r"an index in which nothing is staged; 'notes.txt' is\. Commit it, or: git reset"
        ):
            refused()
    assert state() == before
    git("reset", "-q")
    git("update-ref", "MERGE_HEAD", "HEAD")
    with pytest.raises(CommitError, match=r"cannot commit amid a merge or the like \(Git has MERGE_HEAD\)"):
        need_committable()


@pytest.mark.usefixtures("project")
def test_what_the_stages_read_must_be_committed() -> None:
    Path("params.yaml").write_text(Path("params.yaml").read_text() + "# mine\n")
    Path("models/train").mkdir(parents=True)
    Path("models/train/fit.py").write_text("")
    with pytest.raises(
        CommitError, match=r"as in the last commit, .*; 'params.yaml', 'models/train/fit.py' is not\. Commit it"
    ):
        need_committable()


def test_without_a_repository_nothing_can_be_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommitError, match=r"^publish\.commit needs a Git repository with a commit"):
        need_committable()


@pytest.mark.parametrize(
    ("remotes", "default", "asked", "fault"),
    [
        ("", "", None, "there is no default"),
        ("a\ts3://bucket\n", "a", "b", "'b' is none"),
        ("a\ts3://bucket\n", "a", None, None),
        ("a\ts3://bucket\n", "", "a", None),
    ],
)
def test_a_push_needs_a_remote(
    monkeypatch: pytest.MonkeyPatch, remotes: str, default: str, asked: str | None, fault: str | None
) -> None:
    answers = {"remote": remotes, "config": default}
    monkeypatch.setattr(publish, "dvc", lambda *words: Finished(0, answers[words[0]]))
    config = PublishConfig(commit=False, push=True, remote=asked)
    if fault is None:
        need_publishable(config)
        return
    with pytest.raises(DarkroomError, match=rf"publish.push needs a remote of DVC; {fault}\. Run: dvc remote add --default"):
        need_publishable(config)


def test_a_push_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "dvc", lambda *_: Finished(255, "ERROR: failed to push data to the cloud - timed out\n"))
    with pytest.raises(PushError, match=r"^dvc push must reach the remote; it says 'failed to push data .* timed out'"):
        push(PUSHES)


def test_numbers_go_on_above_records_and_tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    assert next_number([]) == 1
    publish_version(version(4), QUIET, None)
    assert next_number(["model-v2"]) == 5
    assert next_number(["model-v9"]) == 10


def test_a_damaged_record_is_one_line_that_says_how_to_mend_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    publish_version(version(1), QUIET, None)
    Path("published/v1/version.json").unlink()
    with pytest.raises(
        ArtifactError, match=r"^published/v1/version.json must be a whole Version .* Run: darkroom restore NUMBER"
    ):
        published_version()
    Path("versions/0001.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"^versions/0001.json must be .* Run: git checkout versions/0001.json$"):
        read_versions()
