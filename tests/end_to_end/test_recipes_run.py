"""Each recipe from raw files to report: its own network and settings, on 36 made-up images, for as few epochs as it can."""

import importlib
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keras
import pytest
import tensorflow as tf
from ruamel.yaml import YAML

from pipelines.parameters.commented_params import load_commented, write_commented
from pipelines.parameters.params import Params, read_params
from pipelines.project.recipes import apply_recipe, recipe_names
from pipelines.run.stage_runner import run
from tests.closure import ROOT, SHIPPED
from tests.conftest import striped, write_png

WRITERS = 5


def write_raw(root: Path, params: Params) -> None:
    """Writes three classes (two for one sigmoid) of 12 images where the recipe looks for them."""
    places = {"{split}": ("train", "test"), "{group}": tuple(f"writer{number}" for number in range(WRITERS))}
    for label in range(2 if params.model.head == "binary" else 3):
        for number in range(12):
            path = params.ingest.pattern.replace("{label}", f"class{label}").replace("{name}", f"{number}.png")
            for placeholder, names in places.items():
                path = path.replace(placeholder, names[number % len(names)])
            write_png(root / params.ingest.source / path, striped(label, 100 * label + number, size=40))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    shutil.copy(SHIPPED, tmp_path)
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    (tmp_path / "saved_networks").mkdir()
    monkeypatch.chdir(tmp_path)
    for command in ("init --quiet", "add params.yaml", "-c user.name=x -c user.email=x@localhost commit --quiet -m x"):
        subprocess.run(["git", *shlex.split(command)], check=True)
    yield tmp_path
    keras.backend.clear_session()


def run_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs every stage in this process, as dvc.yaml writes its command."""
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    for stage in stages.values():
        _, _, module, *arguments = shlex.split(stage["cmd"])
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        with pytest.raises(SystemExit) as ended:
            run(importlib.import_module(module).main)
        assert ended.value.code == 0, module


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_runs_from_raw_files_to_the_report(name: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("intra", "inter"):  # TensorFlow may have begun to compute in this process, and takes no other number then
        monkeypatch.setattr(tf.config.threading, f"set_{kind}_op_parallelism_threads", lambda _: None)
    apply_recipe(name)
    own = load_commented(Path("params.yaml").read_text())
    own["train"]["epochs"] = 1 + own["train"]["schedule"].get("warm_up_epochs", 0)
    if own["model"]["network"].get("fine_tune"):
        own["model"]["network"]["fine_tune"]["epochs"] = 1
    own["execute"]["workers"] = 1
    write_commented(own, Path("params.yaml"))
    params = read_params()
    if params.ingest.source.startswith("raw/"):
        write_raw(project, params)
    run_stages(monkeypatch)
    assert set(json.loads(Path("reports/metrics.json").read_text())) >= {"train", "validation", "test"}
    assert Path("reports/index.html").stat().st_size > 10_000
