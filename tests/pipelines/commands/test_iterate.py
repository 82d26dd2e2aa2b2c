"""What `darkroom iterate` says and writes, with trainings made up."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.parameters.params import read_params
from tests.closure import SHIPPED
from tests.models.compare.test_proposal_loop import LONGER, SMALLER, WRONG, MadeUp, MadeUpRun, report


def iterate(made_up: MadeUp, monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> str:
    """What the command prints in a folder with the default parameters."""
    monkeypatch.chdir(folder)
    Path("params.yaml").write_text(SHIPPED.read_text())
    Path("dvc.lock").write_text("")
    Path("reports").mkdir(exist_ok=True)
    monkeypatch.setattr("pipelines.workspace.dvc_graph.out_of_date", list)
    monkeypatch.setattr("pipelines.experiments.proposal_experiments.need_up_to_date", lambda stale: None)
    monkeypatch.setattr("pipelines.versions.kept_workspace.need_copies", lambda: None)
    monkeypatch.setattr(
        "pipelines.experiments.proposal_experiments.run_in_workspace", lambda: MadeUpRun(made_up, "", 0, "base")
    )

    def train(name: str, changes: dict[str, object], folder: Path) -> MadeUpRun:
        moved = changes.pop("train.seed", 0)
        return made_up.train(name, changes, moved)  # type: ignore[arg-type]  # the seed is a number

    monkeypatch.setattr("pipelines.experiments.proposal_experiments.train_experiment", train)
    ended = CliRunner().invoke(app, ["iterate", *arguments], catch_exceptions=False)
    assert ended.exit_code == 0
    return ended.output


def test_the_winner_is_named_written_and_judged_on_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = MadeUp(
        {"": [60] * 3, "train.epochs": [75], "model.network.dropout": [61] * 3}, {"": report(LONGER, SMALLER, WRONG)}
    )
    output = iterate(made_up, monkeypatch, tmp_path, "--apply").splitlines()
    assert output == [
        "round 1, proposal 1, train.epochs=80: helped; +15.0 (+7.3 to +22.1) points on 100 of the same images",
        "round 1, proposal 2, model.network.dropout=0.1: no difference; +1.0 (-2.3 to +4.3) points on 100 of the same images",
        "round 1, proposal 3, train.batch_size=7: failed; it must not be 7",
        "round  proposal                   before  after   difference in points (95%)  seeds  verdict",
        "1      train.epochs=80            0.6000  0.7500  +15.0 (+7.3 to +22.1)       1      helped",
        "1      model.network.dropout=0.1  0.6000  0.6100  +1.0 (-2.3 to +4.3)         3      no difference",
        "1      train.batch_size=7         -       -       -                           -      failed",
        "iterate: iterate-1-1 helped most; on test, looked at for it alone: 0.6000 -> 0.7500, +15.0 (+7.3 to +22.1) points on "
        "100 of the same images. To take it: darkroom iterate --apply, or dvc exp apply iterate-1-1",
        "record: reports/iterate.json",
        "iterate: the winner stands in params.yaml. Next: dvc repro",
    ]
    assert read_params().train.epochs == 80
    assert json.loads(Path("reports/iterate.json").read_text())["changes"] == LONGER


def test_where_nothing_helped_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = MadeUp({"": [60], "train.epochs": [40]}, {"": report(LONGER)})
    output = iterate(made_up, monkeypatch, tmp_path, "--apply", "--seeds", "1")
    assert "iterate: nothing helped beyond the interval on validation; test was not looked at\n" in output
    assert "stands in params.yaml" not in output
    assert Path("params.yaml").read_text() == SHIPPED.read_text()


def test_a_report_without_a_command_is_said_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = iterate(MadeUp({"": [60]}, {"": report()}), monkeypatch, tmp_path)
    assert output.startswith(
        "iterate: the report proposes nothing that a command can change; darkroom show says what it found\n"
    )
