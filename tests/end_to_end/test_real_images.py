"""The main job on real images: the embedded digits as the project ships them, and MNIST by its recipe."""

import json
import os
import tarfile
from pathlib import Path

import pytest

from tests.end_to_end.conftest import STAGES, Ended, Project, copy_project

MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print("peak of one process:", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, "KiB")
sys.exit(code)
"""


def accuracy_of(project: Project) -> float:
    return float(json.loads(project.read("reports/metrics.json"))["test"]["accuracy"])


def test_the_default_reads_digits_at_97_percent(digits: Path) -> None:
    project = Project(digits / "project")
    assert Ended(0, (digits / "output").read_text(encoding="utf-8")).ran() == STAGES
    assert accuracy_of(project) >= 0.97
    assert project.read("reports/index.html").count("<figure") >= 30


@pytest.mark.parametrize(
    ("each", "accuracy"),
    [
        (25, 0.94),
        pytest.param(
            1,
            0.985,
            marks=pytest.mark.skipif(
                "DARKROOM_FULL" not in os.environ, reason="all of MNIST takes minutes. Run: make test-full"
            ),
        ),
    ],
    ids=["every 25th image", "all"],
)
def test_mnist_by_its_recipe(real_data: Path, tmp_path: Path, each: int, accuracy: float) -> None:
    project = copy_project(tmp_path)
    with tarfile.open(real_data / "mnist-png.tar.gz") as archive:
        files = sorted((member for member in archive.getmembers() if member.isfile()), key=lambda member: member.name)
        archive.extractall(project.root / "raw", members=files[::each], filter="data")
    assert project.run("darkroom", "recipe", "mnist-cnn").exit_code == 0
    before_train = project.run("python", "-c", MEASURE, "dvc", "repro", "augment")
    assert before_train.exit_code == 0, before_train.output
    peak_kib = int(before_train.output.split("peak of one process: ")[1].split()[0])
    assert peak_kib < 2**20
    project.repro()
    assert accuracy_of(project) >= accuracy
    assert json.loads(project.read("data/split.json"))["images"]["test"] == 10_000 // each
