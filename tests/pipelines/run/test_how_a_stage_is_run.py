"""Where, how fast and how safely a stage runs changes no byte of what it makes; so none of it is a dependency in dvc.yaml."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipelines.stages import augment, ingest, prepare, split, statistics
from tests.closure import ROOT, SHIPPED
from tests.conftest import write_striped_tree
from tests.pipelines.parameters.params_lines import put

STAGES = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
MAINS = {"ingest": ingest, "split": split, "prepare": prepare, "statistics": statistics, "augment": augment}


def params(workers: int) -> str:
    """Small images in several shards, and copies of train images."""
    values = {
        "ingest.source": "raw/tiny",
        "prepare.image_size": "[8, 8]",
        "prepare.images_per_shard": "4",
        "augment.copies": "1",
        "execute.workers": str(workers),
    }
    return put(SHIPPED.read_text(encoding="utf-8"), values)


def made_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted((folder / "data").rglob("*")) if path.is_file()}


def test_how_a_stage_is_run_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_command, as_function = tmp_path / "command", tmp_path / "function"
    for folder, workers in ((as_command, 2), (as_function, 1)):
        write_striped_tree(folder / "raw/tiny", classes=3, images=12)
        (folder / "params.yaml").write_text(params(workers), encoding="utf-8")
    for stage, module in MAINS.items():
        words = shlex.split(STAGES[stage]["cmd"])
        # With the lock, lines for errors, removal of what killed runs left, and two processes ...
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, *words[1:]], cwd=as_command, env=environment, check=True, capture_output=True)
        # ... and without any of it, in one.
        monkeypatch.chdir(as_function)
        options = zip(words[3::2], words[4::2], strict=True)
        module.main(**{option.removeprefix("--").replace("-", "_"): Path(path) for option, path in options})
    made = made_in(as_command)
    assert {path.split("/")[1] for path in made} == {
        "augmented",
        "groups.parquet",
        "manifest.parquet",
        "prepared",
        "split.json",
        "split.parquet",
        "statistics.json",
    }
    assert len(made) > 12
    assert made == made_in(as_function)
