"""`darkroom history` on records that a test makes up."""

import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.config.publish import PublishConfig
from pipelines.cli import app
from pipelines.versions.publish import publish_version
from tests.pipelines.versions.made_up_versions import version, write_project


def history() -> list[str]:
    ended = CliRunner().invoke(app, ["history"], catch_exceptions=False)
    assert ended.exit_code == 0
    return ended.output.splitlines()


def test_versions_are_listed_with_scores_and_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    assert history() == ["history: nothing was published yet. Run: darkroom flow"]
    subprocess.run(["git", "init", "-q"], check=True)
    quiet = PublishConfig(commit=False, push=False, remote=None)
    publish_version(version(1, 0.9), quiet, None)
    publish_version(version(2, 0.95, drifted=True), quiet, version(1))
    assert history() == [
        "version 2 (not tagged, published): test 0.9500 (0.5000 to 1.0000; 100 images), "
        "validation 0.9500 (0.5000 to 1.0000; 100 images)",
        "  100 images: 5 new, 1 removed, 0 relabelled, 2 newly quarantined; drift: 5 new images differ in brightness",
        "version 1 (not tagged): test 0.9000 (0.5000 to 1.0000; 100 images), validation 0.9000 (0.5000 to 1.0000; 100 images)",
        "  100 images: 5 new, 1 removed, 0 relabelled, 2 newly quarantined",
    ]
