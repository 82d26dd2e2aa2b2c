"""The promise of `dvc repro`: everything once, then exactly what is out of date, and the same bytes whenever."""

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipelines.parameters.params import read_params
from tests.closure import ROOT
from tests.conftest import striped, write_png
from tests.end_to_end.conftest import ENVIRONMENT, STAGES, Ended, Project
from tests.pipelines.parameters.params_lines import put

# What reads a section of params.yaml directly, first stage first; what follows in the graph runs after it.
READERS = {
    "ingest": ["ingest"],
    "ingest.source": ["ingest", "prepare", "diagnose"],
    "ingest.decode": ["ingest", "prepare"],
    "split": ["split"],
    "prepare": ["prepare"],
    "statistics": ["statistics"],
    "augment": ["augment", "train", "evaluate", "diagnose"],
    "model": ["train"],
    "model.acceptance_threshold": ["train", "evaluate"],
    "model.classifier": ["train", "diagnose"],
    "model.l1": ["train", "diagnose"],
    "model.l2": ["train", "diagnose"],
    "model.network": ["train", "diagnose"],
    "train": ["train"],
    "train.batch_size": ["train", "diagnose"],
    "train.early_stopping": ["train", "diagnose"],
    "train.epochs": ["train", "diagnose"],
    "train.optimizer.kind": ["train", "diagnose"],
    "train.optimizer.learning_rate": ["train", "diagnose"],
    "evaluate": ["evaluate"],
    "diagnose": ["diagnose"],
    "diagnose.label_folds": ["train", "diagnose"],
    "diagnose.images_per_cell": ["evaluate", "diagnose"],
    "diagnose.split": ["evaluate", "diagnose"],
    "diagnose.worst_images": ["evaluate", "diagnose"],
    "predict": [],
    "execute": [],
    "gate": [],
    "publish": [],
}


@pytest.fixture(scope="module")
def project(make_ran_project: Callable[[], Project]) -> Project:
    """A project after its first run."""
    project = make_ran_project()
    project.repro("ingest")  # which opens the files of a copy anew
    return project


@pytest.fixture(autouse=True)
def all_put_back(project: Project) -> object:
    yield
    changed = project.run("git", "status", "--porcelain", "--untracked-files=no", "params.yaml", "dvc.lock").output
    if changed:
        assert project.run("git", "checkout", "-q", "params.yaml", "dvc.lock").exit_code == 0
    if "dvc.lock" in changed:
        assert project.run("dvc", "checkout", "--quiet", "--force").exit_code == 0
    return None


def test_the_first_run_runs_everything(ran: Path) -> None:
    first = Ended(0, (ran / "output").read_text(encoding="utf-8"))
    assert first.ran() == STAGES
    assert "ingest: 60 files (60 read, 0 known) -> 60 ok / 0 quarantined / 0 skipped; 3 classes" in first.output
    assert "3 classes, 0 exact copies, 0 clusters" in first.output
    assert "split: 60 images -> train 36 / validation 12 / test 12" in first.output


def test_the_model_file_says_what_it_was_made_of(project: Project) -> None:
    with zipfile.ZipFile(project.root / "artifacts/model.keras") as file:
        said = json.loads(file.read("metadata.json"))["darkroom"]
    assert sorted(said) == ["class_names", "decode", "environment", "model", "pixels_version", "prepare", "version"]
    assert said["model"] == read_params(project.root / "params.yaml").model.model_dump(mode="json")


def test_a_second_run_does_nothing_below_ingest(project: Project) -> None:
    lock = project.read("dvc.lock")
    second = project.repro()
    assert second.ran() == ["ingest"]
    assert "60 files (0 read, 60 known)" in second.output
    assert project.read("dvc.lock") == lock


def test_git_sees_nothing_but_the_lock(project: Project) -> None:
    assert project.run("git", "status", "--short").output == ""


def test_a_changed_learning_rate_reruns_training_and_what_follows_and_the_old_one_is_remembered(project: Project) -> None:
    lock = project.read("dvc.lock")
    project.set({"train.optimizer.learning_rate": 0.004})
    assert project.repro().ran() == ["ingest", "train", "evaluate", "diagnose"]
    project.set({"train.optimizer.learning_rate": 0.002})
    back = project.repro()
    assert back.ran() == ["ingest"]
    assert "Stage 'train' is cached" in back.output
    assert project.read("dvc.lock") == lock


def test_a_changed_image_size_reruns_prepare_and_what_follows(project: Project) -> None:
    project.set({"prepare.image_size": [10, 10]})
    assert project.repro("statistics", "augment").ran() == ["ingest", "prepare", "statistics", "augment"]
    stale = json.loads(project.run("dvc", "status", "--json").output)
    assert set(stale) == {"ingest", "train", "evaluate", "diagnose"}  # ingest always is


def leaves(node: object, where: str = "") -> dict[str, object]:
    if isinstance(node, dict):
        return {
            path: value for key, child in node.items() for path, value in leaves(child, f"{where}.{key}".strip(".")).items()
        }
    return {where: node}


def other(value: object) -> object:
    """A value that differs; DVC only compares, so that it need not be a sensible one."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else f"not {value}"


STATUS = """
import json, sys
from pathlib import Path
from dvc.dependency import ParamsDependency
from dvc.repo import Repo

with Repo() as repo:
    deps = [(stage.name, dep) for stage in repo.index.stages for dep in stage.deps if isinstance(dep, ParamsDependency)]
    for text in json.load(sys.stdin):
        Path("params.yaml").write_text(text)
        print(json.dumps([stage for stage, dep in deps if dep.workspace_status()]))
"""
"""Stages whose parameters `dvc status` would call changed, for one params.yaml after the other; files are not looked at."""


def test_each_parameter_in_turn_makes_its_readers_out_of_date_and_nothing_else(project: Project) -> None:
    text = project.read("params.yaml")
    changed = list(leaves(YAML(typ="safe").load(text)).items())
    texts = [put(text, {where: json.dumps(other(value))}) for where, value in changed]
    statuses = subprocess.run(
        [sys.executable, "-c", STATUS],
        cwd=project.root,
        env=ENVIRONMENT,
        input=json.dumps(texts),
        capture_output=True,
        text=True,
    )
    wrong = {}
    for (where, _), line in zip(changed, statuses.stdout.splitlines(), strict=True):
        stale = json.loads(line)
        prefixes = [where.rsplit(".", count)[0] for count in range(where.count(".") + 1)]
        expected = next(READERS[prefix] for prefix in prefixes if prefix in READERS)
        if sorted(stale) != sorted(expected):
            wrong[where] = stale
    assert wrong == {}


def test_one_more_image_is_read_alone(project: Project) -> None:
    path = project.root / "raw/tiny/class0/new.png"
    write_png(path, striped(0, 99))
    try:
        assert "61 files (1 read, 60 known)" in project.repro("ingest").output
    finally:
        path.unlink()


def test_a_corrected_label_opens_no_image_and_makes_a_new_split(project: Project) -> None:
    (project.root / "raw/corrections.csv").write_text("path,mark,label\nclass0/00.png,wrong_label,class1\n")
    project.set({"ingest.corrections": "raw/corrections.csv"})
    corrected = project.repro("prepare")
    assert corrected.ran() == ["ingest", "split", "prepare"]
    assert "60 files (0 read, 60 known) -> 60 ok / 0 quarantined / 0 skipped; 3 classes" in corrected.output
    assert "; corrections: 1 wrong_label" in corrected.output
    classes = json.loads(project.read("data/split.json"))["classes"]
    assert [sum(row[split]["images"] for split in ("train", "validation", "test")) for row in classes] == [19, 21, 20]


def test_labels_from_a_table_open_no_image_and_follow_the_table(project: Project) -> None:
    names = [f"class{label}/{number:02d}.png" for label in range(3) for number in range(20)]
    rows = [f"{name},{'even' if number % 2 else 'odd'}" for number, name in enumerate(names)]
    table = project.root / "raw/labels.csv"
    columns = {"file": "raw/labels.csv", "path": "image", "label": "kind", "group": None, "split": None, "origin": None}
    project.set({"ingest.labels": columns})
    table.write_text("\n".join(["image,kind", *rows[:-1]]))
    labelled = project.repro("split")
    assert labelled.ran() == ["ingest", "split"]
    assert "60 files (0 read, 60 known) -> 59 ok / 0 quarantined / 1 skipped; 2 classes" in labelled.output
    assert "not used: 1: 'class2/19.png'" in labelled.output
    table.write_text("\n".join(["image,kind", *rows]))
    again = project.repro("split")
    assert again.ran() == ["ingest", "split"]
    assert "60 files (0 read, 60 known) -> 60 ok / 0 quarantined / 0 skipped; 2 classes" in again.output


def test_dvc_shows_metrics_plots_and_changed_parameters(project: Project) -> None:
    metrics = json.loads(project.run("dvc", "metrics", "show", "--json").output)[""]["data"]
    assert set(metrics["reports/metrics.json"]["data"]) >= {"train", "validation", "test"}
    assert metrics["data/split.json"]["data"]["images"] == {"train": 36, "validation": 12, "test": 12}
    plots = project.run("dvc", "plots", "show")
    assert plots.exit_code == 0, plots.output
    page = project.read("dvc_plots/index.html")
    titles = ("Loss", "Accuracy", "Confusion matrix", "Calibration on validation", "Accuracy on classes, groups, origins")
    assert all(title in page for title in titles)
    compared = json.loads(project.run("dvc", "plots", "diff", "HEAD", "--json").output)
    assert set(compared["data"]) == {"loss", "accuracy", "confusion", "calibration", "slices"}
    assert all(shown[0]["revisions"] == ["workspace", "HEAD"] for shown in compared["data"].values())
    project.set({"train.optimizer.learning_rate": 0.5})
    assert "train.optimizer.learning_rate" in project.run("dvc", "params", "diff").output


def test_an_experiment_with_other_fractions_runs(project: Project) -> None:
    ended = project.run("dvc", "exp", "run", "-S", "split.fractions=[0.5,0.25,0.25]", "--name", "halves", "split")
    assert ended.exit_code == 0, ended.output
    assert "split: 60 images -> train 30 / validation 15 / test 15" in ended.output
    shown = project.run("dvc", "exp", "show", "--json", "--no-pager")
    assert "halves" in shown.output


def test_a_network_that_is_not_chosen_makes_nothing_out_of_date(project: Project) -> None:
    path = project.root / "models/networks/mlp.py"
    text = path.read_text()
    path.write_text(f"{text}\n# a change\n")
    (project.root / "models/networks/mine.py").write_text("no Python")
    assert project.run("dvc", "status", "train").output.strip() == "Data and pipelines are up to date."
    (project.root / "models/networks/mine.py").unlink()
    path.write_text(text)


def test_an_experiment_with_another_network_runs(project: Project) -> None:
    refused = project.run("dvc", "exp", "run", "-S", "model.network.kind=mlp")
    assert refused.exit_code != 0
    assert "error: params.yaml: model.network has 'filters', 'kernel_size', 'strides', 'padding'" in refused.output
    assert "of kind cnn; kind is mlp, whose keys are" in refused.output
    project.run("git", "checkout", "-q", "params.yaml", "dvc.lock")
    mlp = "{kind: mlp, dense_units: [8], dropout: 0.0, batch_normalisation: true, noise: 0.0}"
    ended = project.run("dvc", "exp", "run", "-S", "~model.network", "-S", f"+model.network={mlp}")
    assert ended.exit_code == 0, ended.output
    assert ended.ran() == ["ingest", "train", "evaluate", "diagnose"]
    assert "path: models/networks/mlp.py" in project.read("dvc.lock")


def test_class_names_are_shown_as_they_are(project: Project) -> None:
    for number in range(6):
        write_png(project.root / f"raw/markup/[bold]x/{number}.png", striped(0, number))
        write_png(project.root / f"raw/markup/:smile:/{number}.png", striped(1, 50 + number))
    project.set({"ingest.source": "raw/markup"})
    output = project.repro("ingest").output
    assert "[bold]x" in output
    assert ":smile:" in output


def test_darkroom_show_ends_with_the_report(project: Project) -> None:
    ended = project.run("darkroom", "show")
    assert ended.exit_code == 0, ended.output
    assert ended.output.strip().endswith("report: reports/index.html")
    assert "validation" in ended.output
    assert "out of date" not in ended.output
    project.set({"train.optimizer.learning_rate": 0.5})
    assert "earlier run; out of date: train, diagnose. Run: dvc repro" in project.run("darkroom", "show").output


def test_the_committed_lock_is_in_step_with_the_code() -> None:
    if not (ROOT / "dvc.lock").is_file():
        pytest.fail("dvc.lock is missing. Run: make repro, and commit it")
    lock = YAML(typ="safe").load((ROOT / "dvc.lock").read_text())
    deps = {dep["path"]: dep["md5"] for stage in lock["stages"].values() for dep in stage["deps"]}
    code = {path: md5 for path, md5 in deps.items() if path.split("/")[0] in ("dataprep", "models", "pipelines")}
    assert {path for path, md5 in code.items() if hash_of(ROOT / path) != md5} == set(), "run make repro and commit dvc.lock"


def hash_of(path: Path) -> str:
    """What DVC writes of a file, or of a folder: the hash of the list of its files, without what .dvcignore names."""
    if path.is_file():
        return hashlib.md5(path.read_bytes()).hexdigest()
    files = sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    entries = [{"md5": hash_of(file), "relpath": file.relative_to(path).as_posix()} for file in files]
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode()).hexdigest() + ".dir"
