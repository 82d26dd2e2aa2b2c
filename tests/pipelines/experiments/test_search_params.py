"""The space file of a search, and what it may say about this project."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from dataprep.core.errors import DarkroomError, ParamsError
from models.search.space import value_at, whole
from pipelines.experiments.search_params import apply_values, check_keys, need_prepared, params_of_trial, read_space
from pipelines.parameters.params import read_params
from pipelines.parameters.yaml_reading import load_yaml, read_text
from tests.closure import ROOT, SHIPPED

DOCUMENTED = read_text(ROOT / "docs/search.md").partition("```yaml\n")[2].partition("```")[0]
DEFAULTS = YAML(typ="safe").load(SHIPPED.read_text())


@pytest.fixture
def space(tmp_path: Path) -> Path:
    path = tmp_path / "space.yaml"
    path.write_text(DOCUMENTED)
    return path


def test_the_documented_space_fits_the_default_parameters_at_all_its_ends(space: Path) -> None:
    config = read_space(space)
    check_keys(DEFAULTS, config, space)
    for end in (0, -1):
        values = {key: value_at(dimension, whole(dimension)[end]) for key, dimension in config.space.items()}
        params = params_of_trial(DEFAULTS, values, epochs=config.epochs)
        assert params.train.epochs == 10
        assert params.train.batch_size == (16, 128)[end]
        assert params.augment.rotation.degrees == ((-1.0, 1.0), (-20.0, 20.0))[end]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("trials: 10", "trial: 10", "unknown key trial. Did you mean trials?"),
        ("metric: accuracy", "metric: f1", "metric should be 'accuracy' or 'loss'; got 'f1'."),
        ("kind: uniform", "kind: unifrom", "Did you mean uniform?"),
        ("model.network.dropout", "prepare.image_size", "space must name keys of model, train or augment"),
        ("low: 0.0, high: 0.6", "low: 0.6, high: 0.0", "must have low below high; got 0.6 and 0."),
        ("seed: 0", "seed: [", "is not valid YAML"),
    ],
)
def test_a_wrong_space_is_one_line(space: Path, old: str, new: str, words: str) -> None:
    assert old in DOCUMENTED
    space.write_text(DOCUMENTED.replace(old, new, 1))
    with pytest.raises(ParamsError) as refused:
        read_space(space)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_key_that_params_do_not_hold_is_refused(space: Path) -> None:
    space.write_text(DOCUMENTED.replace("train.optimizer.beta_1", "train.optimizer.beta_7"))
    with pytest.raises(ParamsError, match=r"train.optimizer.beta_7, which params.yaml does not hold, for example to be 0.8"):
        check_keys(DEFAULTS, read_space(space), space)


def test_a_missing_space_names_the_page_that_shows_one(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"there is none. docs/search.md shows one"):
        read_space(tmp_path / "none.yaml")


def test_the_best_is_written_into_params_and_every_other_line_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SHIPPED.read_text()
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    apply_values({"train.optimizer.learning_rate": 0.00123, "model.network.filters": (8, 24)})
    changed = set((tmp_path / "params.yaml").read_text().splitlines()) - set(text.splitlines())
    assert {line.partition("#")[0].strip() for line in changed} == {"learning_rate: 0.00123", "- 8", "- 24"}
    assert read_params().train.optimizer.learning_rate == 0.00123
    with pytest.raises(ParamsError):
        apply_values({"train.batch_size": 1})  # batch normalisation needs two
    assert read_params().train.batch_size == 32


def test_images_that_are_out_of_date_are_not_searched_on() -> None:
    need_prepared(["train", "diagnose"])
    with pytest.raises(DarkroomError, match=r"prepare, augment would run first. Run: dvc repro statistics augment"):
        need_prepared(["prepare", "augment", "train"])


def test_the_space_file_is_read_as_dvc_reads_yaml(space: Path) -> None:
    space.write_text(DOCUMENTED.replace("0.0003", "3e-4"))
    assert load_yaml(read_text(space), space) is not None
    assert value_at(read_space(space).space["train.optimizer.learning_rate"], 0) == 0.0003
