"""Trainings of proposals, with DVC made up: what is kept of them, when they are made again, and what the workspace is after."""

from pathlib import Path

import pytest

from dataprep.core.errors import DarkroomError, ParamsError
from pipelines.experiments.proposal_experiments import (
    apply_changes,
    folder_of_state,
    need_up_to_date,
    train_experiment,
    with_seed,
)
from pipelines.parameters.params import read_params
from pipelines.repair.verify import Output
from pipelines.workspace.dvc_graph import Finished
from tests.closure import SHIPPED

OUTPUTS = {"predictions.parquet": "data", "split.parquet": "data", "diagnosis.json": "reports"}


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A folder with the default parameters, and all that DVC was asked for; a run writes the number of epochs."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(SHIPPED.read_text())
    Path("dvc.lock").write_text("stages: {}\n")
    commands: list[str] = []

    def dvc(*arguments: str) -> Finished:
        commands.append(" ".join(arguments))
        if arguments[:2] != ("exp", "run"):
            return Finished(0, "")
        epochs = read_params().train.epochs
        for name in OUTPUTS:
            Path(name).write_text(str(epochs))
        return Finished(epochs == 13, "epoch 1\nERROR: failed to reproduce 'train'\n")

    monkeypatch.setattr("pipelines.experiments.proposal_experiments.dvc", dvc)
    monkeypatch.setattr("pipelines.versions.kept_workspace.dvc", dvc)
    monkeypatch.setattr(
        "pipelines.versions.kept_workspace.read_outputs", lambda: [Output("split", Path("split.parquet"), "abcd")]
    )
    monkeypatch.setattr("pipelines.versions.kept_workspace.missing_copies", lambda outputs, cache: [])
    monkeypatch.setattr("pipelines.versions.kept_workspace.cache_folder", lambda: tmp_path)
    monkeypatch.setattr("pipelines.experiments.proposal_experiments.output_path", lambda stage, name: Path(name))
    return commands


def test_a_training_is_kept_and_not_made_again(asked: list[str]) -> None:
    run = train_experiment("iterate-1-1", {"train.epochs": 7}, folder_of_state())
    assert asked == ["exp remove iterate-1-1", "exp run --name iterate-1-1", "checkout --force split"]
    assert run.predictions.read_text() == run.split.read_text() == run.report.read_text() == "7"
    assert Path("params.yaml").read_text() == SHIPPED.read_text()
    assert train_experiment("iterate-1-1", {"train.epochs": 7}, folder_of_state()) == run
    assert len(asked) == 3
    train_experiment("iterate-1-1-seed-1", with_seed({"train.epochs": 7}, 0, 1), folder_of_state())
    assert len(asked) == 6


def test_of_another_state_of_the_workspace_nothing_is_kept(asked: list[str]) -> None:
    run = train_experiment("iterate-1-1", {"train.epochs": 7}, folder_of_state())
    Path("dvc.lock").write_text("stages: {split: {}}\n")
    assert folder_of_state() != run.predictions.parent.parent
    assert not run.predictions.exists()


def test_a_training_that_fails_is_one_line_and_leaves_the_workspace_and_nothing_kept(asked: list[str]) -> None:
    with pytest.raises(DarkroomError, match=r"^experiment iterate-1-1 must run through; it ended with \"ERROR: failed to"):
        train_experiment("iterate-1-1", {"train.epochs": 13}, folder_of_state())
    assert Path("params.yaml").read_text() == SHIPPED.read_text()
    assert asked[-1] == "checkout --force split"
    assert not folder_of_state().exists()


def test_changes_that_cannot_be_are_refused_before_dvc_is_asked(asked: list[str]) -> None:
    with pytest.raises(ParamsError, match=r"train\.batch_size"):
        train_experiment("iterate-1-1", {"train.batch_size": 0}, folder_of_state())
    with pytest.raises(ParamsError, match=r"train\.nothing\.at_all must lie in a section; nothing is none"):
        train_experiment("iterate-1-1", {"train.nothing.at_all": 0}, folder_of_state())
    assert set(asked) == {"checkout --force split"}


def test_a_winner_is_written_with_the_comments_of_all_other_lines(asked: list[str]) -> None:
    network = {"kind": "mlp", "dense_units": [16], "dropout": 0.0, "batch_normalisation": True, "noise": 0.0}
    apply_changes({"train.epochs": 7, "model.network": network})
    lines, before = Path("params.yaml").read_text().splitlines(), SHIPPED.read_text().splitlines()
    section = (
        before.index("  network: # a file of models/networks/ and its keys"),
        before.index("  l1: 0.0 # penalty on absolute weights, 0 to 1000"),
    )
    assert [line for line in before[: section[0]] if line not in lines] == []
    assert [line for line in before[section[1] :] if line not in lines] == ["  epochs: 40 # at most"]
    assert [line.split() for line in lines if line.startswith("  epochs:")] == [["epochs:", "7", "#", "at", "most"]]
    assert read_params().model.network.kind == "mlp"


def test_a_seed_that_is_moved_is_a_change_and_the_first_is_none() -> None:
    assert with_seed({"train.epochs": 7}, 5, 0) == {"train.epochs": 7}
    assert with_seed({"train.epochs": 7}, 5, 2) == {"train.epochs": 7, "train.seed": 7}


def test_a_report_that_is_out_of_date_proposes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        DarkroomError, match=r"the report must be up to date; train, diagnose would run first\. Run: dvc repro$"
    ):
        need_up_to_date(["train", "diagnose"])
    monkeypatch.setattr("pipelines.experiments.proposal_experiments.read_history", lambda: "no repository")
    with pytest.raises(DarkroomError, match="experiments of DVC need a Git repository with a commit"):
        need_up_to_date([])
    monkeypatch.setattr("pipelines.experiments.proposal_experiments.read_history", lambda: "commits")
    need_up_to_date([])
