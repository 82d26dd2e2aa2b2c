from pathlib import Path

import pytest

from dataprep.core.errors import DarkroomError, ParamsError
from pipelines.project.code_record import encode_record, hash_text, installed_record, read_record
from pipelines.project.derived_graph import derive_graph
from pipelines.project.recipes import default_text
from pipelines.project.shipped_files import SHIPPED_GRAPH
from pipelines.project.upgrade import upgrade_project
from tests.pipelines.parameters.params_lines import put

NEW = installed_record()
OLD_GRAPH = "stages: {}\n"
OLD = NEW.model_copy(update={"version": "0.0.9", "graph": hash_text(OLD_GRAPH), "stages": {**NEW.stages, "train": "0" * 16}})


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project as an earlier version left it."""
    monkeypatch.chdir(tmp_path)
    Path("darkroom-version.yaml").write_text(encode_record(OLD))
    Path("dvc.yaml").write_text(OLD_GRAPH)
    Path("params.yaml").write_text(default_text())
    return tmp_path


def test_an_upgrade_writes_graph_and_record_and_names_what_it_rebuilds() -> None:
    done = upgrade_project(replace=False)
    assert (done.changed, done.added, done.old.version) == (["train"], [], "0.0.9")
    assert read_record() == NEW
    assert Path("dvc.yaml").read_text() == derive_graph(SHIPPED_GRAPH.read_text())
    assert Path("params.yaml").read_text() == default_text()
    assert upgrade_project(replace=False).changed == []


def test_keys_that_are_new_come_with_their_defaults_and_comments() -> None:
    text = put(default_text(), {"train.epochs": "7"})
    without = "".join(line for line in text.splitlines(keepends=True) if "max_minutes" not in line)
    Path("params.yaml").write_text(without)
    assert upgrade_project(replace=False).added == ["train.max_minutes = 0.0"]
    lines = Path("params.yaml").read_text().splitlines()
    assert [line for line in lines if "epochs: 7" not in line] == [
        line for line in text.splitlines() if "epochs: 7" not in line
    ]


def test_parameters_that_cannot_be_change_nothing() -> None:
    Path("params.yaml").write_text(put(default_text(), {"train.epochs": "none"}))
    with pytest.raises(ParamsError, match=r"train\.epochs"):
        upgrade_project(replace=False)
    assert read_record() == OLD
    assert Path("dvc.yaml").read_text() == OLD_GRAPH


def test_a_graph_that_was_changed_by_hand_is_kept() -> None:
    Path("dvc.yaml").write_text("stages: {mine: {cmd: true}}\n")
    with pytest.raises(DarkroomError, match=r"dvc.yaml must be as darkroom wrote it; .* darkroom upgrade --replace"):
        upgrade_project(replace=False)
    assert "mine" in Path("dvc.yaml").read_text()
    upgrade_project(replace=True)
    assert read_record() == NEW


def test_a_clone_is_not_upgraded() -> None:
    Path("darkroom-version.yaml").unlink()
    with pytest.raises(DarkroomError, match="A clone runs its own code"):
        upgrade_project(replace=False)
