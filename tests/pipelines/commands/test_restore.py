"""`darkroom restore` in a small project of DVC: what is brought back, what is refused, and what a failure leaves."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dataprep.core.errors import DarkroomError
from models.config.publish import PublishConfig
from pipelines.cli import app
from pipelines.versions.model_versions import md5_of, published_version
from pipelines.versions.publish import publish_version
from tests.pipelines.versions.made_up_versions import version

KEPT = {
    "train": ["artifacts/model.keras"],
    "evaluate": ["artifacts/reference.npz", "artifacts/predictions.parquet"],
    "ingest": ["data/manifest.parquet"],
    "split": ["data/split.parquet"],
    "diagnose": ["reports/metrics.json", "reports/diagnosis.json", "reports/index.html"],
}
COMMITS = PublishConfig(commit=True, push=False, remote=None)


def run(*words: str) -> str:
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.strip()


def dvc(*words: str) -> None:
    run(sys.executable, "-m", "dvc", *words)


def restore(name: str) -> list[str]:
    ended = CliRunner().invoke(app, ["restore", name], catch_exceptions=False)
    assert ended.exit_code == 0
    return ended.output.splitlines()


def refusal(name: str) -> str:
    ended = CliRunner().invoke(app, ["restore", name])
    assert isinstance(ended.exception, DarkroomError), ended.exception
    return str(ended.exception)


def make_version(number: int, content: str) -> None:
    """Another params.yaml, all outputs made of it, and the version that is committed and tagged."""
    Path("params.yaml").write_text(content)
    run("git", "add", "params.yaml")
    run("git", "commit", "-qm", "parameters")
    dvc("repro", "-q")
    run("git", "reset", "-q")
    own = version(number).model_copy(update={"model": md5_of(Path("artifacts/model.keras"))})
    publish_version(own, COMMITS, None)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two versions; the second one stands in the folder."""
    for kind in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{kind}_NAME", "test")
        monkeypatch.setenv(f"GIT_{kind}_EMAIL", "test@localhost")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    command = "python -c \"import sys,shutil; [shutil.copy('params.yaml', p) for p in sys.argv[1:]]\""
    stages = [
        f"  {stage}:\n    cmd: {command} {' '.join(paths)}\n    deps: [params.yaml]\n    outs: [{', '.join(paths)}]"
        for stage, paths in KEPT.items()
    ]
    Path("dvc.yaml").write_text("stages:\n" + "\n".join(stages) + "\n")
    Path(".gitignore").write_text("/artifacts/\n/data/\n/reports/\n/published/\n/.darkroom/\n")
    for folder in ("artifacts", "data", "reports"):
        Path(folder).mkdir()
    run("git", "init", "-q")
    dvc("init", "-q")
    run("git", "add", "-A")
    run("git", "commit", "-qm", "start")
    make_version(1, "one: 1\n")
    make_version(2, "two: 2\n")
    return tmp_path


def held() -> set[str]:
    return {Path(path).read_text() for paths in KEPT.values() for path in paths} | {Path("params.yaml").read_text()}


def test_a_version_comes_back_as_a_whole_and_so_does_the_later_one(project: Path) -> None:
    Path("notes.txt").write_text("mine\n")
    head = run("git", "rev-parse", "HEAD")
    lines = restore("1")
    assert lines[0].startswith("restore: version 1 is restored and published (")
    assert held() == {"one: 1\n"}
    found = published_version()
    assert found is not None
    assert (found.version.number, found.file("model.keras").read_text()) == (1, "one: 1\n")
    assert run("git", "rev-parse", "HEAD") == head
    assert run("git", "status", "--porcelain") == "M dvc.lock\n M params.yaml\n?? notes.txt"
    dvc("status", "-q")  # the stages are up to date
    assert restore("model-v2")[0].startswith("restore: version 2 is restored and published (")
    assert held() == {"two: 2\n"}
    assert run("git", "status", "--porcelain") == "?? notes.txt"

    Path("params.yaml").write_text("three: 3\n")
    assert refusal("1") == (
        "params.yaml has changes that no commit holds, and they would be lost. Commit it (git commit params.yaml), or take "
        "them back: git checkout params.yaml"
    )
    run("git", "checkout", "-q", "params.yaml")
    Path("reports/index.html").unlink()
    Path("reports/index.html").write_text("my own page")
    assert refusal("1").startswith(
        "'reports/index.html' differs from what DVC has a copy of, and would be lost. Run: dvc commit"
    )
    Path("reports/index.html").unlink()  # what is gone is no loss
    assert refusal("7").startswith("'model-v7' must be a folder with the outputs of a run, a revision of Git")
    dvc("checkout", "-q")

    cache = project / ".dvc/cache/files/md5"
    (cache / (md5 := md5_of_text("one: 1\n"))[:2] / md5[2:]).unlink()
    assert "1: DVC must have all files of this version in its cache or on its remote" in refusal("1")
    assert held() == {"two: 2\n"}  # all is as it was
    assert run("git", "status", "--porcelain") == "?? notes.txt"


def md5_of_text(text: str) -> str:
    Path("text").write_text(text)
    found = md5_of(Path("text"))
    Path("text").unlink()
    return found


def test_in_a_fresh_clone_the_files_come_from_the_remote(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = project.with_name("remote of the clone")
    shutil.copytree(".dvc/cache", remote)  # which has the same layout
    dvc("remote", "add", "-q", "-d", "store", str(remote))
    run("git", "commit", "-qam", "remote")
    run("git", "clone", "-q", ".", "clone")
    monkeypatch.chdir("clone")
    for folder in ("artifacts", "data", "reports"):
        Path(folder).mkdir(exist_ok=True)
    shutil.rmtree(".dvc/cache", ignore_errors=True)
    assert restore("1")[0].startswith("restore: version 1 is restored and published (")
    assert held() == {"one: 1\n"}
