"""Versions on a DVC remote: a folder, and S3 whose line breaks amid a push."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.config.publish import PublishConfig
from pipelines.versions.publish import PushError, push
from tests.end_to_end.conftest import ENVIRONMENT, STAGES, Project
from tests.end_to_end.s3 import KEYS, Line, s3_server

CONFIG = PublishConfig(commit=False, push=True, remote=None)


@pytest.fixture
def line() -> Iterator[Line]:
    with s3_server("models") as port:
        line = Line(port)
        yield line
        line.close()


def check_clone(project: Project, folder: Path, environment: dict[str, str]) -> None:
    """A fresh clone needs a pull and no stage but the one that always runs."""
    clone = Project(folder / "clone")
    assert project.run("git", "clone", "-q", str(project.root), str(clone.root)).exit_code == 0
    (clone.root / "raw").symlink_to(project.root / "raw")
    pulled = clone.run("dvc", "pull", env=environment)
    assert pulled.exit_code == 0, pulled.output
    again = clone.run("dvc", "repro", env=environment)
    assert again.exit_code == 0, again.output
    assert again.ran() == STAGES[:1]
    assert clone.run("git", "status", "--porcelain", "dvc.lock").output == ""


def test_a_push_over_a_line_that_breaks_fails_in_one_line_and_goes_on_later(
    make_ran_project: Callable[[], Project], line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_ran_project()
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    environment = {**ENVIRONMENT, **KEYS}
    for words in (
        ("remote", "add", "-q", "-d", "store", "s3://models/project"),
        ("remote", "modify", "-q", "store", "endpointurl", f"http://127.0.0.1:{line.port}"),
    ):
        assert project.run("dvc", *words).exit_code == 0
    assert project.run("git", "commit", "-qam", "remote").exit_code == 0
    monkeypatch.chdir(project.root)
    line.carry(20_000)
    with pytest.raises(PushError, match=r"^dvc push must reach the remote; it says '.+'$") as error:
        push(CONFIG)
    assert "\n" not in str(error.value)
    line.carry(float("inf"))
    assert push(CONFIG).endswith("pushed")
    check_clone(project, tmp_path, environment)


def test_a_folder_is_a_remote(make_ran_project: Callable[[], Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_ran_project()
    assert project.run("dvc", "remote", "add", "-q", "-d", "store", str(tmp_path / "store")).exit_code == 0
    assert project.run("git", "commit", "-qam", "remote").exit_code == 0
    monkeypatch.chdir(project.root)
    assert push(CONFIG).endswith("pushed")
    check_clone(project, tmp_path, {**ENVIRONMENT})
