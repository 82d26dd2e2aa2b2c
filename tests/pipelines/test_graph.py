import re
from pathlib import Path

import pytest

from pipelines.graph import GraphError, last_line, option_value, order_of, output_path, stage_order
from tests.closure import ROOT


@pytest.fixture(autouse=True)
def in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


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


def test_a_broken_graph_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        GraphError, match=r"dvc.yaml must hold a graph that DVC can read; it says: ERROR: .*not inside"
    ) as error:
        stage_order()
    assert "\n" not in str(error.value)


def test_the_last_line_is_the_last_that_is_not_blank() -> None:
    assert last_line("one\ntwo \n\n") == "two"
    assert last_line("") == ""
