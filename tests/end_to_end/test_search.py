"""`darkroom search` in a project: it goes on, it ranks, its best run through the whole line, and the workspace stays."""

from collections.abc import Callable
from pathlib import Path

from tests.end_to_end.conftest import ENVIRONMENT, Project

SPACE = """\
trials: 2
keep_fraction: 0.25
epochs: 1
metric: accuracy
seed: 0
space:
  train.optimizer.learning_rate: {kind: log_uniform, low: 0.001, high: 0.1}
  model.network.dense_units: {kind: choice, values: [[4], [8]]}
"""


def test_a_search_ranks_its_trials_and_runs_the_best_as_an_experiment(make_project: Callable[[], Project]) -> None:
    project = make_project()
    project.repro("statistics", "augment")
    Path(project.root / "space.yaml").write_text(SPACE)
    before = {name: project.read(name) for name in ("params.yaml", "dvc.lock")}
    ended = project.run("darkroom", "search", "space.yaml", "--experiments", "1", env=ENVIRONMENT)
    assert ended.exit_code == 0, ended.output
    assert [line.partition(":")[0] for line in ended.output.splitlines() if line.startswith("trial ")] == [
        "trial 1 of 4, round 1",
        "trial 2 of 4, round 1",
        "trial 3 of 4, round 2",
        "trial 4 of 4, round 2",
    ]
    assert "search: 4 trials -> best accuracy " in ended.output
    assert ended.output.count("search: on ") == 1
    assert "To take it: dvc exp apply space-1" in ended.output
    assert {name: project.read(name) for name in before} == before
    assert "space-1" in project.run("dvc", "exp", "list", "--name-only").output
    assert project.read("reports/search/space.csv").count("\n") == 5
    assert "Best of 4 trials" in project.read("reports/search/space.html")

    again = project.run("darkroom", "search", "space.yaml", "--experiments", "0", "--apply")
    assert "search: goes on after trial 4 of 4" in again.output
    assert not [line for line in again.output.splitlines() if line.startswith("trial ")]
    assert project.read("params.yaml") != before["params.yaml"]

    project.set({"prepare.image_size": [9, 9]})
    stale = project.run("darkroom", "search", "space.yaml")
    assert stale.exit_code == 2
    assert "the prepared images must be up to date; " in stale.output
