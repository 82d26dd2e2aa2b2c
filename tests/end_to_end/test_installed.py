"""One installation, many projects: a wheel in an environment of its own, `darkroom init`, `dvc repro`, a report."""

import json
import os
import shutil
import site
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.project.code_record import encode_record, installed_record
from tests.closure import PACKAGES
from tests.conftest import write_striped_tree
from tests.end_to_end.conftest import ENVIRONMENT, STAGES, Ended, Project, copy_tracked

DECOY = "raise SystemExit('a module of the current folder was imported')\n"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables under which commands find the installed wheel, and beside it the packages of this environment."""
    folder = tmp_path_factory.mktemp("installed")
    copy_tracked(folder / "source")
    subprocess.run([sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, folder / "venv"], check=True)
    python = folder / "venv/bin/python"
    (own,) = subprocess.check_output([python, "-c", "import site; print(*site.getsitepackages())"], text=True).split()
    # A path in a .pth file is searched after the wheel, and its own .pth files, such as that of this clone, are not read.
    Path(own, "packages.pth").write_text("\n".join(site.getsitepackages()))
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation"]
    building = {**os.environ, "PYTHONPATH": os.pathsep.join(site.getsitepackages())}  # setuptools
    subprocess.run([*install, "--python", python, folder / "source"], check=True, env=building)
    (folder / "venv/bin/dvc").write_text(f'#!/bin/sh\nexec {python} -P -m dvc "$@"\n')
    (folder / "venv/bin/dvc").chmod(0o755)
    return {**ENVIRONMENT, "PATH": os.pathsep.join([str(folder / "venv/bin"), os.environ["PATH"]])}


def ended_well(ended: Ended) -> Ended:
    assert ended.exit_code == 0, ended.output
    return ended


def test_two_projects_of_one_wheel_end_in_a_report(environment: dict[str, str], tmp_path: Path) -> None:
    write_striped_tree(tmp_path / "raw", classes=3, images=20)
    outside = Project(tmp_path)
    for name in ("one", "two"):
        ended_well(outside.run("darkroom", "init", "raw", name, "--yes", env=environment))
    one, two = Project(tmp_path / "one"), Project(tmp_path / "two")
    assert one.read("darkroom-version.yaml") == encode_record(installed_record()), (
        "the wheel has the code and the graph of the clone"
    )
    for name in (*PACKAGES, "dvc", "queue"):  # what this project has of its own
        (one.root / name).mkdir()
        (one.root / name / "__init__.py").write_text(DECOY)
    command = ["dvc", "repro", "prepare"]
    with subprocess.Popen(
        command, cwd=two.root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as beside:
        first = ended_well(one.run("dvc", "repro", env=environment))
    assert (first.ran(), beside.returncode) == (STAGES, 0)
    assert "<html" in one.read("reports/index.html")
    assert json.loads(one.read("reports/metrics.json"))["test"]["images"] > 0
    assert "was imported" not in first.output
    assert one.read("data/split.json") == two.read("data/split.json")
    assert ended_well(one.run("dvc", "repro", env=environment)).ran() == ["ingest"]

    # Code of another version is not run under the hash of this one, and `upgrade` says what it rebuilds.
    record = (one.root / "darkroom-version.yaml").read_text()
    statistics = installed_record().stages["statistics"]
    (one.root / "darkroom-version.yaml").write_text(record.replace(statistics, "f" * 16).replace("0.1.0", "0.0.9"))
    refused = one.run("dvc", "repro", env=environment)
    assert "it is of 0.0.9, and darkroom 0.1.0 is installed, which changed the code of statistics" in refused.output
    assert refused.exit_code != 0
    assert "the code of statistics changed" in ended_well(one.run("darkroom", "upgrade", env=environment)).output
    assert one.read("darkroom-version.yaml") == record
    shutil.rmtree(two.root)
