"""A project of its own for each test that asks: the files of this one, a tiny data set, a short training.

Making one takes a second, running it half a minute. So one is made and run once for all files and all workers of xdist;
each test gets a copy.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.closure import ROOT, SHIPPED
from tests.conftest import write_striped_tree

ENVIRONMENT = {
    **os.environ,
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    "GIT_AUTHOR_NAME": "test",
    "GIT_AUTHOR_EMAIL": "test@localhost",
    "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@localhost",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "",  # else each stage compiles anew what it imports
}

STAGES = ["ingest", "split", "prepare", "statistics", "augment", "train", "evaluate", "diagnose"]

SHORT: dict[str, object] = {
    "ingest.source": "raw/tiny",
    "prepare.image_size": [8, 8],
    "model.network.filters": [4, 8],
    "model.network.dense_units": [8],
    "train.epochs": 2,
    "train.batch_size": 8,
    "execute.workers": 1,
}

# What the one shared run has besides: several shards, stored copies, sums that depend on the number of threads.
RUN: dict[str, object] = {
    "prepare.image_size": [20, 20],
    "prepare.images_per_shard": 16,
    "augment.copies": 1,
    "train.threads": 2,
    "train.epochs": 3,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the files of this folder first, as the longest, and of these first what needs no run that all share.

    So no worker is left with a long file when the others are done, and none waits while another makes that run.
    """
    waiting = {item.path for item in items if "ran" in getattr(item, "fixturenames", ())}
    folder = Path(__file__).parent
    items.sort(key=lambda item: (not item.path.is_relative_to(folder), item.path in waiting))


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    exit_code: int
    output: str

    def ran(self) -> list[str]:
        return re.findall(r"Running stage '(\w+)'", self.output)


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with the project's files, under Git and DVC."""

    root: Path

    def run(self, *command: str, env: Mapping[str, str] = ENVIRONMENT) -> Ended:
        done = subprocess.run(
            command, cwd=self.root, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        return Ended(done.returncode, done.stdout)

    def repro(self, *arguments: str) -> Ended:
        ended = self.run("dvc", "repro", *arguments)
        assert ended.exit_code == 0, ended.output
        return ended

    def set(self, values: Mapping[str, object]) -> None:
        yaml = YAML()
        params = yaml.load(self.root / "params.yaml")
        for where, value in values.items():
            node = params
            *sections, key = where.split(".")
            for section in sections:
                node = node[section]
            node[key] = value
        yaml.dump(params, self.root / "params.yaml")

    def read(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")


def copy_project(root: Path) -> Project:
    """The files that Git tracks or would track, with the default parameters, in a repository of their own."""
    copy_tracked(root)
    shutil.copy(SHIPPED, root)
    project = Project(root)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        assert project.run("git", *command).exit_code == 0
    return project


def copy_tracked(root: Path) -> None:
    """Copies the files that Git tracks or would track; links stay links."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name, follow_symlinks=False)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first worker makes which asks for it; the others wait."""
    own = factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder, unfinished = shared / name, shared / f"{name}.unfinished"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with three striped classes of 20 images in raw/tiny and a training of two epochs, before its first run."""

    def make(root: Path) -> None:
        project = copy_project(root)
        write_striped_tree(root / "raw/tiny", classes=3, images=20)
        project.set(SHORT)
        assert project.run("git", "commit", "-qam", "tiny").exit_code == 0

    return made_once(tmp_path_factory, "new-project", make)


@pytest.fixture(scope="session")
def ran(new: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """project/, a project after its first run, and output, what that printed."""

    def make(folder: Path) -> None:
        shutil.copytree(new, folder / "project")
        project = Project(folder / "project")
        project.set(RUN)
        (folder / "output").write_text(project.repro().output, encoding="utf-8")
        for command in (["add", "-A"], ["commit", "-qm", "first run"]):
            assert project.run("git", *command).exit_code == 0

    return made_once(tmp_path_factory, "ran-project", make)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """project/, the project as it is shipped after its first run, on the embedded digits, and output, what that printed."""

    def make(folder: Path) -> None:
        (folder / "project").mkdir()
        project = copy_project(folder / "project")
        (folder / "output").write_text(project.repro().output, encoding="utf-8")

    return made_once(tmp_path_factory, "digits-project", make)


@pytest.fixture(scope="session")
def make_project(new: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Project]:
    """Copies a project that was never run."""

    def make() -> Project:
        return Project(shutil.copytree(new, tmp_path_factory.mktemp("project") / "new"))

    return make


@pytest.fixture(scope="session")
def make_ran_project(ran: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Project]:
    """Copies a project after its first run."""

    def make() -> Project:
        return Project(shutil.copytree(ran / "project", tmp_path_factory.mktemp("project") / "ran"))

    return make
