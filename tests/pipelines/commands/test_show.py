import json
import os
import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from dataprep.core.artifacts import encode_document, write_files
from dataprep.core.errors import ArtifactError
from models.diagnose.diagnosis import diagnose
from models.diagnose.metrics import measure
from pipelines.cli import app
from pipelines.commands.show import _age as age
from pipelines.parameters.params import Params
from pipelines.workspace.lock import LockError, only_run
from tests.closure import ROOT
from tests.models.made_up import answers, facts_of


def test_show_beside_the_first_run_says_who_is_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError, match=r"^reports/metrics.json is missing\. Run: dvc repro diagnose$"):
        CliRunner().invoke(app, ["show"], catch_exceptions=False)
    with (
        only_run(),
        pytest.raises(LockError, match=r"^there are no scores to show yet: process \d+ on .* works in this folder"),
    ):
        CliRunner().invoke(app, ["show"], catch_exceptions=False)


def test_show_between_two_stages_names_dvc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    held = {"write": {"data": {"pid": os.getpid(), "cmd": "dvc repro"}}, "read": {}}
    (tmp_path / ".dvc/tmp/rwlock").write_text(json.dumps(held))
    monkeypatch.setattr("pipelines.workspace.at_work.is_alive", lambda _: True)
    with pytest.raises(LockError, match=rf"^there are no scores to show yet: process {os.getpid()} works in .* \(dvc repro\)"):
        CliRunner().invoke(app, ["show"], catch_exceptions=False)
    (tmp_path / ".dvc/tmp/rwlock").write_text("{torn")
    with pytest.raises(ArtifactError, match="is missing"):
        CliRunner().invoke(app, ["show"], catch_exceptions=False)


def test_figures_beside_a_run_are_said_to_be_of_an_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def busy() -> list[str]:
        raise LockError("DVC cannot look at the graph now: another DVC command works in this folder. Wait until it ends")

    monkeypatch.setattr("pipelines.workspace.dvc_graph.out_of_date", busy)
    assert age("process 7 works in this folder") == "process 7 works in this folder"
    assert age(None) == "DVC cannot look at the graph now: another DVC command works in this folder. Wait until it ends"
    monkeypatch.setattr("pipelines.workspace.dvc_graph.out_of_date", lambda: ["train"])
    assert age(None) == "out of date: train. Run: dvc repro"
    monkeypatch.setattr("pipelines.workspace.dvc_graph.out_of_date", list)
    assert age(None) is None


def test_show_says_what_is_independent_and_what_no_look_reaches(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = ["a", "b", "b"] * 40
    pictures = [f"picture{number % 2}" for number in range(120)]
    parts = [answers(true, true, "train"), *(answers(true, true, split, pictures) for split in ("validation", "test"))]
    metrics = measure(pl.concat(parts))
    write_files(
        {
            tmp_path / "metrics.json": encode_document(metrics),
            tmp_path / "diagnosis.json": encode_document(diagnose(facts_of(metrics, params))),
        }
    )
    monkeypatch.setattr("pipelines.workspace.dvc_graph.output_path", lambda _, name: tmp_path / name)
    monkeypatch.setattr("pipelines.workspace.dvc_graph.out_of_date", list)
    output = CliRunner().invoke(app, ["show"], catch_exceptions=False).output
    assert "120 test images, 2 independent (groups and copies go together)" in output
    assert "train images" not in output
    assert "answering 'b' for every image: train 0.6667 / validation 0.6667 / test 0.6667" in output
    assert "Cannot tell: validation is at 100.0% (95% interval 34.2% to 100.0%)" in output
    assert "0.3424 - 1.0000" in output
