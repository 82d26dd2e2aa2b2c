"""A search: what it draws, where the second round looks, that it goes on where it was stopped."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from dataprep.core.errors import ArtifactError, DarkroomError, TrainError
from models.config.search import SearchConfig, Value
from models.search.study import Report, Tried, open_study, ranked, run_trials, trials_of

CONFIG = SearchConfig.model_validate(
    {
        "trials": 12,
        "keep_fraction": 0.25,
        "epochs": 3,
        "metric": "accuracy",
        "seed": 0,
        "space": {
            "train.optimizer.learning_rate": {"kind": "log_uniform", "low": 1e-4, "high": 1.0},
            "model.network.filters": {"kind": "choice", "values": [[8], [8, 16], [16, 32]]},
        },
    }
)
BEST_RATE = 0.01


def distance(values: Mapping[str, Value]) -> float:
    """Of a learning rate from the best one, in orders of magnitude."""
    rate = values["train.optimizer.learning_rate"]
    assert isinstance(rate, float)
    return max(rate / BEST_RATE, BEST_RATE / rate)


def train(values: Mapping[str, Value], report: Report) -> float:
    """Accuracy is the higher the nearer the learning rate is to the best one."""
    score = 1 / distance(values)
    for epoch in range(1, CONFIG.epochs + 1):
        if report(epoch, score * epoch / CONFIG.epochs):
            break
    return score


def search(path: Path, config: SearchConfig = CONFIG) -> list[Tried]:
    study = open_study(path, config)
    run_trials(study, config, train, lambda _: None)
    return trials_of(study, config)


def test_the_second_round_looks_where_the_best_of_the_first_lie(tmp_path: Path) -> None:
    tried = search(tmp_path / "trials.log")
    first, second = tried[: CONFIG.trials], tried[CONFIG.trials :]
    assert [own.round for own in tried] == [1] * 12 + [2] * 12
    best_three = ranked(first, CONFIG)[:3]
    assert max(distance(own.values) for own in second) < 10 * max(distance(own.values) for own in best_three)
    assert max(distance(own.values) for own in first) > 10 * max(distance(own.values) for own in second)
    assert {own.values["model.network.filters"] for own in second} <= {
        own.values["model.network.filters"] for own in best_three
    }


def test_a_hopeless_trial_ends_early_and_is_never_the_best(tmp_path: Path) -> None:
    tried = search(tmp_path / "trials.log")
    pruned = [own for own in tried if own.is_pruned]
    assert pruned
    assert all(own.num_epochs < CONFIG.epochs for own in pruned)
    assert all(own.num_epochs == CONFIG.epochs for own in ranked(tried, CONFIG))


def test_a_search_that_was_killed_goes_on_and_ends_with_the_same_trials(tmp_path: Path) -> None:
    path, count = tmp_path / "killed.log", 0

    def killed_at_some(values: Mapping[str, Value], report: Report) -> float:
        nonlocal count
        count += 1
        if count in (3, 9, 20):
            report(1, 0.5)
            raise KeyboardInterrupt
        return train(values, report)

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            run_trials(open_study(path, CONFIG), CONFIG, killed_at_some, lambda _: None)
    assert search(path) == search(tmp_path / "whole.log")


def test_a_trial_that_cannot_be_trained_has_its_reason_and_the_search_goes_on(tmp_path: Path) -> None:
    def fails_above(values: Mapping[str, Value], report: Report) -> float:
        if distance(values) > 3:
            raise TrainError("train: the loss must be a number")
        return train(values, report)

    study = open_study(tmp_path / "trials.log", CONFIG)
    run_trials(study, CONFIG, fails_above, lambda _: None)
    tried = trials_of(study, CONFIG)
    failed = [own for own in tried if own.failure]
    assert len(tried) == 24
    assert {own.failure for own in failed} == {"train: the loss must be a number"}
    assert {own.score for own in failed} == {None}


def test_a_first_round_without_any_score_is_the_end(tmp_path: Path) -> None:
    def fails(_values: Mapping[str, Value], _report: Report) -> float:
        raise TrainError("train: the loss must be a number")

    with pytest.raises(DarkroomError, match="the first round must train once; no trial did, for example: train: the loss"):
        run_trials(open_study(tmp_path / "trials.log", CONFIG), CONFIG, fails, lambda _: None)


def test_a_search_without_any_score_begins_anew_in_another_space_too(tmp_path: Path) -> None:
    def fails(values: Mapping[str, Value], report: Report) -> float:
        raise TrainError("no")

    with pytest.raises(DarkroomError, match="the first round must train once"):
        run_trials(open_study(tmp_path / "trials.log", CONFIG), CONFIG, fails, lambda _: None)
    tried = search(tmp_path / "trials.log", CONFIG.model_copy(update={"seed": 1}))
    assert len(tried) == 2 * CONFIG.trials
    assert all(own.failure is None for own in tried)


def test_less_loss_is_better(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"metric": "loss"})
    tried = search(tmp_path / "trials.log", config)
    scores = [own.score for own in tried if own.score is not None and not own.is_pruned]
    assert ranked(tried, config)[0].score == min(scores)


def test_the_file_of_another_space_is_refused(tmp_path: Path) -> None:
    search(tmp_path / "trials.log")
    with pytest.raises(ArtifactError, match="holds a search of another space"):
        open_study(tmp_path / "trials.log", CONFIG.model_copy(update={"seed": 1}))


@pytest.mark.parametrize("content", ["no JSON\n", '{"op_code": 99}\n', "[]\n"])
def test_a_damaged_file_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "trials.log").write_text(content)
    with pytest.raises(ArtifactError, match="must be the file of a search"):
        open_study(tmp_path / "trials.log", CONFIG)
