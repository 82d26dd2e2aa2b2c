"""The graph of a project is that of the clone, with the hash of the code in the place of the code."""

import itertools
from pathlib import Path

from ruamel.yaml import YAML

from pipelines.project.derived_graph import RECORD, code_of, derive_graph
from pipelines.project.shipped_files import PACKAGES, SHIPPED_GRAPH, SHIPPED_RECIPES
from tests.closure import ROOT

SHIPPED = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
CLONE, PROJECT = (YAML(typ="safe").load(text) for text in (SHIPPED, derive_graph(SHIPPED)))


def options(command: str) -> list[tuple[str, str]]:
    return [pair for pair in itertools.pairwise(command.split()) if pair[0].startswith("--")]


def test_an_installation_carries_the_files_in_the_root() -> None:
    assert SHIPPED_GRAPH.samefile(ROOT / "dvc.yaml")
    assert SHIPPED_RECIPES.samefile(ROOT / "recipes")
    assert SHIPPED_GRAPH.name != "dvc.yaml", "DVC reads every dvc.yaml below the root"


def test_both_graphs_have_the_same_stages_files_and_options() -> None:
    assert list(PROJECT["stages"]) == list(CLONE["stages"])
    assert PROJECT["plots"] == CLONE["plots"]
    for name, stage in PROJECT["stages"].items():
        of_clone = CLONE["stages"][name]
        for key in ("outs", "metrics", "always_changed", "desc"):
            assert stage.get(key) == of_clone.get(key)
        assert stage["cmd"].startswith(f"darkroom-stage {name} --")
        assert options(stage["cmd"]) == options(of_clone["cmd"])


def test_code_is_no_dependency_and_its_hash_is_a_parameter() -> None:
    for name, stage in PROJECT["stages"].items():
        of_clone = CLONE["stages"][name]
        assert stage["params"] == [*of_clone["params"], {str(RECORD): [f"stages.{name}"]}]
        kept = stage.get("deps", [])
        assert kept == [dep for dep in of_clone["deps"] if dep in kept]
        left_out = [dep for dep in of_clone["deps"] if dep not in kept]
        assert {Path(dep).parts[0] for dep in left_out} <= {*PACKAGES, "recipes"}
        assert not {Path(dep).parts[0] for dep in kept} & {*PACKAGES, "recipes"}
        assert len(code_of(of_clone)) == len(left_out)
        assert all((ROOT / place).exists() and Path(place).parts[0] in PACKAGES for place in code_of(of_clone))
