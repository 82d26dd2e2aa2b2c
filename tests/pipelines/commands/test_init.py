"""What `darkroom init` asks, shows and refuses; the folder that it makes is tested end to end."""

import os
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from dataprep.core.errors import DarkroomError
from pipelines.cli import app
from pipelines.graph import dvc
from pipelines.init import default_folder
from pipelines.params import read_params
from pipelines.repository import run_git
from tests.conftest import write_striped_tree

pytestmark = pytest.mark.processes  # a sample is decoded in other processes, and Git and DVC make the project


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with 3 classes of 8 images in raw/."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    write_striped_tree(tmp_path / "raw", classes=3, images=8)
    return tmp_path


def init(*arguments: str, answers: str = "") -> str:
    return CliRunner().invoke(app, ["init", *arguments], input=answers, catch_exceptions=False).output


def test_a_project_is_made_and_nothing_is_overwritten(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine/notes.txt").write_text("mine")
    output = init("raw", "mine", "--yes")
    assert "24 images of 3 classes: 'class0', 'class1', 'class2'" in output
    assert output.endswith("under Git and DVC\nNext: cd mine && dvc repro\n")
    made = {path.relative_to(folder / "mine").as_posix() for path in (folder / "mine").rglob("*") if ".git/" not in str(path)}
    assert {"params.yaml", "dvc.yaml", "darkroom-version.yaml", "README.md", ".dvc/config", "saved_networks/README.md"} <= made
    assert (folder / "mine/notes.txt").read_text() == "mine"
    assert read_params(folder / "mine/params.yaml").ingest.source == str(folder / "raw")
    assert len((folder / "mine/README.md").read_text().splitlines()) == 10
    status = run_git("-C", "mine", "status", "--porcelain", "--ignored")
    assert status.stdout.split("\n")[:-1] == ["?? notes.txt"]
    before = {path: path.read_bytes() for path in (folder / "mine").iterdir() if path.is_file()}
    with pytest.raises(DarkroomError, match=r"^mine: init overwrites nothing; there stand '.dvc', '.dvc/.gitignore', "):
        init("raw", "mine", "--yes")
    assert before == {path: path.read_bytes() for path in (folder / "mine").iterdir() if path.is_file()}


def test_the_folder_of_dvc_is_that_of_dvc_init(folder: Path) -> None:
    init("raw", "mine", "--yes")
    (folder / "theirs").mkdir()
    assert run_git("-C", "theirs", "init", "--quiet").returncode == 0
    assert dvc("--cd", "theirs", "init", "--quiet").exit_code == 0
    tracked = {name: run_git("-C", name, "ls-files", ".dvc").stdout for name in ("mine", "theirs")}
    assert tracked["mine"] == tracked["theirs"]
    assert (folder / "mine/.dvc/.gitignore").read_text() == (folder / "theirs/.dvc/.gitignore").read_text()


def test_labels_may_stand_in_a_table(folder: Path) -> None:
    names = [path.relative_to(folder / "raw").as_posix() for path in sorted((folder / "raw").rglob("*.png"))]
    kinds = ["odd" if number % 2 else "even" for number in range(len(names))]
    pl.DataFrame({"image": names, "kind": kinds}).write_csv("labels.csv")
    assert "path from 'image', label from 'kind'" in init("raw", "project", "--labels", "labels.csv", "--yes")
    labels = read_params(folder / "project/params.yaml").ingest.labels
    assert labels is not None
    assert (labels.file, labels.path, labels.label) == (str(folder / "labels.csv"), "image", "kind")


def test_questions_have_defaults_and_no_is_an_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.commands.init.has_terminal", lambda: True)
    asked = init("raw", answers="\nn\n")
    assert "Where the label stands in a path [{label}/{name}]" in asked
    assert "Make a project of this in raw-darkroom? [Y/n]" in asked
    assert "nothing was written" in asked
    assert not (folder / "raw-darkroom").exists()
    assert "8 classes" in init("raw", answers="*/{label}.png\nn\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["raw"], "nobody is there to answer. Say --yes"),
        (["nowhere", "--yes"], "SOURCE must be a folder of images; .*nowhere' does not exist"),
        (["raw", "raw/project", "--yes"], "FOLDER must lie outside SOURCE"),
        (["raw", "raw/class0/00.png/x", "--yes"], "FOLDER must lie outside SOURCE"),
        (["raw", "file", "--yes"], "FOLDER must be a folder; 'file' is a file"),
        (["raw", "--pattern", "{label}", "--labels", "l.csv", "--yes"], "--labels and --pattern exclude each other"),
        (["raw", "--labels", "l.csv", "--yes"], "--labels must be a CSV, TSV or Parquet; .*l.csv' cannot be read"),
        (["raw", "--pattern", "{name}", "--yes"], r"--pattern must contain \{label\}"),
        (["empty", "--yes"], "SOURCE must hold images; .*empty' is empty"),
    ],
)
def test_what_cannot_be_is_one_line(arguments: list[str], line: str, folder: Path) -> None:
    (folder / "file").write_text("")
    (folder / "empty").mkdir()
    with pytest.raises(DarkroomError, match=line) as error:
        init(*arguments)
    assert "\n" not in str(error.value)
    assert not (folder / "raw-darkroom").exists()


def test_a_folder_without_a_name_has_one_all_the_same() -> None:
    assert default_folder("s3://bucket/scans/") == Path("scans-darkroom")
    assert default_folder("/") == Path("images-darkroom")


def test_a_project_is_not_made_among_the_images(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "raw")
    with pytest.raises(
        DarkroomError, match=rf"'raw-darkroom' lies in '.'. Name another folder, for example {folder}/raw-darkroom"
    ):
        init(".", "--yes")


def test_a_commit_is_made_without_a_known_author(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    init("raw", "project", "--yes")
    assert run_git("-C", "project", "log", "--format=%an %s").stdout.startswith("darkroom darkroom ")
