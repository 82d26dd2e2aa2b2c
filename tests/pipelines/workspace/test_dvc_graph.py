import re
from pathlib import Path

import pytest

from pipelines.workspace.dvc_graph import (
    Finished,
    GraphError,
    busy_holder,
    last_line,
    option_value,
    order_of,
    out_of_date,
    output_path,
    read_stages,
    stage_order,
)
from pipelines.workspace.lock import LockError
from tests.closure import ROOT


@pytest.fixture(autouse=True)
def in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.processes
def test_the_order_is_dvc_s_own() -> None:
    order = stage_order()
    assert sorted(order) == sorted(re.findall(r"^  (\w+):\n    desc", Path("dvc.yaml").read_text(), re.MULTILINE))
    for before, after in [("ingest", "split"), ("prepare", "augment"), ("statistics", "train"), ("train", "diagnose")]:
        assert order.index(before) < order.index(after)


def test_a_stage_without_neighbours_is_in_the_order() -> None:
    order = order_of('strict digraph {\n"alone";\n"a";\n"b";\n"b" -> "a";\n}')
    assert sorted(order) == ["a", "alone", "b"]
    assert order.index("b") < order.index("a")


def test_paths_come_from_dvc_yaml() -> None:
    assert output_path("diagnose", "metrics.json") == Path("reports/metrics.json")
    assert output_path("ingest", "manifest.parquet") == Path("data/manifest.parquet")
    with pytest.raises(GraphError, match=r"stage train must make page.html; it makes artifacts/model.keras"):
        output_path("train", "page.html")


def test_options_come_from_dvc_yaml() -> None:
    assert option_value("prepare", "--embedded") == "raw"
    with pytest.raises(GraphError, match=r"dvc.yaml: the command of stage split must have --embedded; it has not\. Add it"):
        option_value("split", "--embedded")


def test_outside_a_project_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GraphError, match=r"dvc.yaml must be in the current folder; it is not\. Run from the project's root"):
        output_path("diagnose", "metrics.json")


@pytest.mark.processes
def test_a_broken_graph_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text("[core]\n    no_scm = true\n")
    Path("dvc.yaml").write_text("stages: [")
    with pytest.raises(GraphError, match=r"dvc.yaml cannot be read \(while parsing a flow") as error:
        stage_order()
    assert "\n" not in str(error.value)


def test_the_last_line_is_the_last_that_is_not_blank() -> None:
    assert last_line("one\ntwo \n\n") == "two"
    assert last_line("") == ""


ACQUIRE = (
    "ERROR: Unable to acquire lock. Most likely another DVC process is running or was terminated abruptly. Check the page <x>"
)
BUSY = (
    "ERROR: 'data/prepared' is busy, it is being blocked by:\n  (PID 4711): /usr/bin/dvc repro\n\n"
    "If there are no processes with such PIDs, you can manually remove '.dvc/tmp/rwlock' and try again.\n"
)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (ACQUIRE, "another DVC command works in this folder. Wait until it ends"),
        (BUSY, "process 4711 works in this folder (/usr/bin/dvc repro). Wait until it ends"),
    ],
)
def test_a_busy_dvc_is_said_to_be_at_work_and_its_hint_is_not_passed_on(
    monkeypatch: pytest.MonkeyPatch, output: str, words: str
) -> None:
    monkeypatch.setattr("pipelines.workspace.dvc_graph.who_works", lambda: None)
    monkeypatch.setattr("pipelines.workspace.dvc_graph.dvc", lambda *_: Finished(255, output))
    with pytest.raises(LockError) as error:
        out_of_date()
    assert str(error.value) == f"DVC cannot look at the graph now: {words}"
    assert "remove" not in str(error.value)
    monkeypatch.setattr("pipelines.workspace.dvc_graph.who_works", lambda: "process 1 on here trains. Wait until it ends")
    assert busy_holder(output) == "process 1 on here trains. Wait until it ends"


@pytest.mark.processes
def test_other_words_of_dvc_are_about_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    assert busy_holder("ERROR: 'dvc.yaml' is invalid.") is None
    monkeypatch.setattr("pipelines.workspace.dvc_graph.dvc", lambda *_: Finished(255, "ERROR: 'dvc.yaml' is invalid."))
    with pytest.raises(GraphError, match=r"^dvc.yaml must hold a graph that DVC can read; it says: ERROR: 'dvc.yaml' is inv"):
        out_of_date()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "it holds no stages"),
        ("stages:", "stages: Input should be a valid dictionary"),
        ("stages: []", "stages: Input should be a valid dictionary"),
        ("stages: {diagnose: 5}", "stages.diagnose: Input should be a valid dictionary"),
        ("stages: {diagnose: }", "stages.diagnose: Input should be a valid dictionary"),
        ("stages: {1: {cmd: a}}", "stages.1.[key]: Input should be a valid string"),
        ("stages: {diagnose: {cmd: a, outs: }}", "stages.diagnose: Value error, outs must be a list; it is None"),
        ("stages: {diagnose: {cmd: a, metrics: a}}", "stages.diagnose: Value error, metrics must be a list; it is 'a'"),
        ("stages: {diagnose: {cmd: a, outs: [7]}}", "stages.diagnose: Value error, outs must hold paths; it holds 7"),
        ("stages: {diagnose: {cmd: a, outs: [{}]}}", "stages.diagnose: Value error, outs must hold paths; it holds {}"),
        ("stages: {diagnose: {cmd: 5}}", "stages.diagnose: Value error, cmd must be text; it is 5"),
    ],
)
def test_a_graph_of_another_shape_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, what: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").write_text(text)
    for look in (read_stages, lambda: output_path("diagnose", "a"), lambda: option_value("diagnose", "--a")):
        with pytest.raises(GraphError) as error:
            look()
        assert str(error.value) == f"dvc.yaml cannot be read ({what}). Correct it"


def test_a_stage_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").write_text("stages: {ingest: {outs: [a]}}")
    with pytest.raises(GraphError, match=r"^dvc.yaml must have the stage diagnose; it has 'ingest'\. Restore it$"):
        output_path("diagnose", "metrics.json")
    with pytest.raises(GraphError, match=r"stage ingest must have --embedded; it has not"):
        option_value("ingest", "--embedded")
