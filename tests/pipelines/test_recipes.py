import shutil
from pathlib import Path

import pytest

from dataprep.core.errors import ParamsError
from pipelines.params import read_params
from pipelines.recipes import apply_recipe, recipe_names, recipe_titles
from tests.closure import ROOT

RECIPES = sorted(path.stem for path in (ROOT / "recipes").glob("*.yaml"))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def comments(text: str) -> list[str]:
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_gives_valid_parameters_and_keeps_the_comments(name: str) -> None:
    before = Path("params.yaml").read_text()
    changes = apply_recipe(name)
    after = Path("params.yaml").read_text()
    assert changes
    assert read_params()
    assert comments(after) == comments(before)
    assert apply_recipe(name) == []


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_says_how_to_run_it_and_what_to_expect(name: str) -> None:
    text = (ROOT / f"recipes/{name}.yaml").read_text()
    assert f"darkroom recipe {name} && dvc repro" in text
    assert "# Expected" in text
    assert recipe_titles()[name] in text


def test_an_unknown_recipe_names_the_known_ones() -> None:
    assert recipe_names() == RECIPES
    with pytest.raises(ParamsError, match=rf"recipes/nothing.yaml does not exist\. Use one of: {RECIPES[0]}"):
        apply_recipe("nothing")


def test_a_mistake_that_was_there_before_is_not_the_recipe_s(project: Path) -> None:
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("  learning_rate", "  learningrate"))
    with pytest.raises(ParamsError, match=r"^params.yaml: unknown key train.learningrate"):
        apply_recipe(RECIPES[0])
    path.unlink()
    with pytest.raises(ParamsError, match=r"^params.yaml is missing"):
        apply_recipe(RECIPES[0])


def test_a_recipe_leaves_nothing_of_another_behind() -> None:
    start = Path("params.yaml").read_text()
    for name in RECIPES:
        Path("params.yaml").write_text(start)
        apply_recipe(name)
        alone = read_params()
        for other in RECIPES:
            Path("params.yaml").write_text(start)
            apply_recipe(other)
            apply_recipe(name)
            assert read_params() == alone, (other, name)


def test_a_wrong_recipe_changes_nothing(project: Path) -> None:
    before = Path("params.yaml").read_text()
    (project / "recipes/wrong.yaml").write_text("train:\n  epochs: 3\n  batchsize: 4\n")
    with pytest.raises(ParamsError, match=r"recipes/wrong.yaml: unknown key train.batchsize. Did you mean batch_size\?"):
        apply_recipe("wrong")
    assert Path("params.yaml").read_text() == before


def test_a_folder_without_a_recipe_is_one_line(project: Path) -> None:
    shutil.rmtree(project / "recipes")
    (project / "recipes").mkdir()
    for listed in (recipe_names, recipe_titles):
        with pytest.raises(
            ParamsError, match=r"^recipes/ must hold recipes \(\*\.yaml\); it holds none\. Restore them: git checkout"
        ):
            listed()
    with pytest.raises(ParamsError, match=r"^recipes/nothing\.yaml does not exist|^recipes/ must hold recipes"):
        apply_recipe("nothing")
