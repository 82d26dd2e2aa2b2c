import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from dataprep.config.augment import OPERATIONS
from dataprep.core.errors import ParamsError
from pipelines.cli import app
from pipelines.parameters.params import read_params
from pipelines.project.recipes import DEFAULTS, apply_recipe, read_header, recipe_names, restore_defaults
from tests.closure import ROOT, SHIPPED
from tests.pipelines.parameters.params_lines import put

RECIPES = sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml"))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(SHIPPED, tmp_path)
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def comments(text: str) -> list[str]:
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


def differing(overlay: Mapping[str, object], defaults: Mapping[str, object], where: str = "") -> Iterator[tuple[str, bool]]:
    """Each value of an overlay, and whether it differs from the default. Another `kind` replaces its section."""
    for key, value in overlay.items():
        default = defaults.get(key)
        if isinstance(value, Mapping) and isinstance(default, Mapping):
            if value.get("kind", default.get("kind")) == default.get("kind"):
                yield from differing(value, default, f"{where}{key}.")
        else:
            yield f"{where}{key}", value != default


def load(path: Path) -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = YAML(typ="safe").load(path.read_text())
    return loaded


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_names_only_what_differs_from_the_defaults(name: str) -> None:
    idle = [key for key, differs in differing(load(Path(f"recipes/{name}.yaml")), load(DEFAULTS)) if not differs]
    assert not idle, f"recipes/{name}.yaml: these keys have their default value. Take them out"


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_gives_valid_parameters_and_keeps_the_comments(name: str) -> None:
    before = Path("params.yaml").read_text()
    changes = apply_recipe(name)
    after = Path("params.yaml").read_text()
    assert bool(changes) == (name != "digits")
    assert read_params()
    assert set(comments(after)) <= set(comments(before))
    now, shipped = (load(path) for path in (Path("params.yaml"), DEFAULTS))
    chosen = (("model", "network"), ("model", "classifier"), ("train", "optimizer"))
    if all(now[top][name]["kind"] == shipped[top][name]["kind"] for top, name in chosen):
        assert comments(after) == comments(before)  # another kind replaces its section, and the comments in it
    assert apply_recipe(name) == []
    assert restore_defaults() is not None
    assert Path("params.yaml").read_text() == before


def test_a_recipe_sets_everything_else_back_to_the_default() -> None:
    apply_recipe("mnist-cnn")
    alone = Path("params.yaml").read_text()
    on = {f"augment.{name}.probability": "0.01" for name in OPERATIONS}
    others = {"augment.label_safe": "[]", "model.head": "sigmoid", "prepare.color": "rgb", "train.seed": "7"}
    Path("params.yaml").write_text(put(alone, on | others))
    changes = apply_recipe("mnist-cnn")
    assert Path("params.yaml").read_text() == alone
    assert "augment.motion_blur.probability: 0.01 -> 0.0" in changes
    assert "train.seed: 7 -> 0" in changes


def test_a_recipe_leaves_the_machine_as_it_is() -> None:
    values = {"execute.workers": "3", "execute.backend": "dask", "execute.address": "tcp://10.0.0.5:8786"}
    Path("params.yaml").write_text(put(Path("params.yaml").read_text(), values))
    execute = read_params().execute
    apply_recipe("mnist-cnn")
    assert read_params().execute == execute


def test_a_recipe_takes_a_folder_of_your_own() -> None:
    changes = apply_recipe("mnist-cnn", "s3://bucket/my scans")
    assert read_params().ingest.source == "s3://bucket/my scans"
    assert "ingest.source: embedded:digits -> s3://bucket/my scans" in changes
    apply_recipe("mnist-cnn")
    assert read_params().ingest.source == "raw/mnist"


@pytest.mark.parametrize("text", ["train: [", "", "- 1\n", None])
def test_the_defaults_come_back_whatever_stands_there(text: str | None) -> None:
    Path("params.yaml").unlink() if text is None else Path("params.yaml").write_text(text)
    assert restore_defaults() is None
    assert Path("params.yaml").read_text() == DEFAULTS.read_text()
    Path("params.yaml").write_text(put(DEFAULTS.read_text(), {"train.epochs": "3"}))
    assert restore_defaults() == ["train.epochs: 3 -> 40"]
    assert restore_defaults() == []


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_says_how_to_run_it_and_what_was_measured(name: str) -> None:
    header = read_header(name)
    assert header.command == f"darkroom recipe {name} && dvc repro"
    if header.score == header.time == "not measured":
        assert header.measured.startswith("not yet")
    else:
        assert any(unit in header.time for unit in (" s", " min", " h"))
        assert any(character.isdigit() for character in header.score)
        assert header.measured[:4].isdigit()
    listed = " ".join(CliRunner().invoke(app, ["recipes"], env={"COLUMNS": "300"}, catch_exceptions=False).output.split())
    assert " ".join(f"{name} │ {header.data} │ {header.score} │ {header.time}".split()) in listed


def test_the_page_on_recipes_has_a_row_for_each_as_its_header_says() -> None:
    headers = {name: read_header(name) for name in RECIPES}
    rows = [
        f"| `{name}` | {header.title} | {header.data} | {header.score} | {header.time} | {header.measured} |"
        for name, header in headers.items()
    ]
    table = "\n".join(["| recipe | what | data | score | time | measured |", "|---|---|---|---|---|---|", *rows])
    assert table in (ROOT / "docs/recipes.md").read_text(), f"docs/recipes.md must hold this table:\n{table}"


def test_a_header_is_read_over_several_lines(project: Path) -> None:
    path = project / "recipes/mine.yaml"
    fields = "# Data      A set\n# Source    raw/set/<class>/<file>,\n#           of my own\n# Run       a && b\n"
    path.write_text(
        f"# Mine.\n#\n{fields}# Score     0.9\n# Time      2 min\n# Measured  2026-11-26\n#\n#           no field\n{{}}\n"
    )
    header = read_header("mine")
    assert (header.title, header.source, header.measured) == ("Mine.", "raw/set/<class>/<file>, of my own", "2026-11-26")
    path.write_text(f"# Mine.\n#\n{fields}\n{{}}\n")
    with pytest.raises(
        ParamsError, match=r"^recipes/mine.yaml must begin with a title and .*; it lacks Score, Time, Measured\."
    ):
        read_header("mine")


def test_an_unknown_recipe_names_the_known_ones() -> None:
    assert recipe_names() == RECIPES
    with pytest.raises(ParamsError, match=rf"recipes/nothing.yaml does not exist\. Use one of: {RECIPES[0]}"):
        apply_recipe("nothing")


def test_a_mistake_that_was_there_before_is_not_the_recipe_s(project: Path) -> None:
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("  learning_rate", "  learningrate"))
    with pytest.raises(ParamsError, match=r"^params.yaml: unknown key train.optimizer.learningrate"):
        apply_recipe(RECIPES[0])
    path.unlink()
    with pytest.raises(ParamsError, match=r"^params.yaml is missing"):
        apply_recipe(RECIPES[0])


@pytest.mark.slow
def test_a_recipe_leaves_nothing_of_another_behind() -> None:
    alone = {}
    for name in RECIPES:
        restore_defaults()
        apply_recipe(name)
        alone[name] = Path("params.yaml").read_text()
    for name in reversed(RECIPES):  # after a neighbour
        apply_recipe(name)
        assert Path("params.yaml").read_text() == alone[name], name


def test_a_wrong_recipe_changes_nothing(project: Path) -> None:
    before = Path("params.yaml").read_text()
    (project / "recipes/wrong.yaml").write_text("train:\n  epochs: 3\n  batchsize: 4\n")
    with pytest.raises(ParamsError, match=r"recipes/wrong.yaml: unknown key train.batchsize. Did you mean batch_size\?"):
        apply_recipe("wrong")
    assert Path("params.yaml").read_text() == before


def test_a_project_without_a_folder_of_recipes_has_those_of_the_package(project: Path) -> None:
    shutil.rmtree(project / "recipes")
    assert recipe_names() == RECIPES
    apply_recipe("mnist-cnn")
    assert load(Path("params.yaml"))["ingest"]["source"] == load(ROOT / "recipes/mnist-cnn.yaml")["ingest"]["source"]
    restore_defaults()
    assert Path("params.yaml").read_bytes() == SHIPPED.read_bytes()
    (project / "recipes").mkdir()
    (project / "recipes/mine.yaml").write_text("train:\n  epochs: 3\n")
    assert recipe_names() == sorted([*RECIPES, "mine"])
    assert apply_recipe("mine") == ["train.epochs: 40 -> 3"]
