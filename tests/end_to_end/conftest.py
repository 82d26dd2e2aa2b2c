"""A project of its own for each test file: the files of this one, a tiny data set, a short training."""

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

from tests.closure import ROOT
from tests.conftest import write_striped_tree

ENVIRONMENT = {
    **os.environ,
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    "GIT_AUTHOR_NAME": "test",
    "GIT_AUTHOR_EMAIL": "test@localhost",
    "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@localhost",
    "PYTHONUNBUFFERED": "1",
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
    """The files that Git tracks or would track, in a repository of their own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    project = Project(root)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        assert project.run("git", *command).exit_code == 0
    return project


@pytest.fixture(scope="module")
def make_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Project]:
    """Makes a project with three striped classes of 20 images in raw/tiny and a training of two epochs."""

    def make() -> Project:
        project = copy_project(tmp_path_factory.mktemp("project"))
        write_striped_tree(project.root / "raw/tiny", classes=3, images=20)
        project.set(SHORT)
        assert project.run("git", "commit", "-qam", "tiny").exit_code == 0
        return project

    return make
