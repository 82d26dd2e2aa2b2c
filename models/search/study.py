"""Trials of a search, kept in a file as they end: random ones first, then as many from where the best of those lie.

Which place a trial tries is a pure function of the seed, its number and the trials of the first round. So a search that was
stopped goes on where it was, and ends with the trials that an uninterrupted one would have made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from dataprep.core.errors import ArtifactError, DarkroomError
from dataprep.core.rng import rng_for
from models.config.search import Choice, SearchConfig, Value
from models.search.space import Place, draw, narrowed, value_at, whole

STARTUP_TRIALS = 5
"""Trials that run to their end before others are compared with them."""

Report = Callable[[int, float], bool]
"""Takes an epoch and its score; answers whether the trial is hopeless and should stop."""

Train = Callable[[Mapping[str, Value], Report], float]
"""Trains with these keys of params.yaml and returns the score of the best epoch."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial that ended.

    Attributes:
        number: from 1.
        round: 1 or 2.
        score: of its best epoch, validation accuracy or loss; None where training failed.
        num_epochs: how many it ran.
        is_pruned: it was stopped as hopeless.
        failure: why training failed, in one line.
        places: where its values lie, by key.
        values: its keys of params.yaml.
    """

    number: int
    round: int
    score: float | None
    num_epochs: int
    is_pruned: bool
    failure: str | None
    places: Mapping[str, Place]
    values: Mapping[str, Value]


class RandomThenZoomed(optuna.samplers.BaseSampler):
    """Draws the first `trials` from all of the space, the rest from the part where the best of those lie."""

    def __init__(self, config: SearchConfig) -> None:
        self._config = config

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002  # Optuna's
        return {}

    def sample_relative(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,  # noqa: ARG002
    ) -> Place:
        dimension, number = self._config.space[param_name], _number(study, trial)
        part = whole(dimension)
        if number > self._config.trials:
            part = narrowed(dimension, [own.params[param_name] for own in _best(study, self._config)])
        return draw(dimension, part, rng_for(self._config.seed, "search", number, param_name))


def open_study(path: Path, config: SearchConfig) -> optuna.Study:
    """Opens the file of a search, or begins one; also where no trial of it could be trained, as something was wrong then.

    Raises:
        ArtifactError: the file is of another search space, or no file of a search.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
        study = optuna.create_study(
            study_name="darkroom",
            storage=storage,
            load_if_exists=True,
            direction="maximize" if config.metric == "accuracy" else "minimize",
            sampler=RandomThenZoomed(config),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=1),
        )
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:  # lines that Optuna did not write
        raise ArtifactError(f"{path} must be the file of a search; it cannot be read. Remove it: rm {path}") from error
    ended = _ended(study)
    if ended and all("failure" in trial.user_attrs for trial in ended):
        optuna.delete_study(study_name=study.study_name, storage=storage)
        return open_study(path, config)
    asked = config.model_dump(mode="json")
    if study.user_attrs.get("config", asked) != asked:
        raise ArtifactError(
            f"{path} holds a search of another space. Remove it to begin anew: rm {path}; or put the earlier space back"
        )
    study.set_user_attr("config", asked)
    for trial in study.get_trials(states=[TrialState.RUNNING], deepcopy=False):
        study.tell(trial.number, state=TrialState.FAIL)  # killed; its number is tried again
    return study


def run_trials(study: optuna.Study, config: SearchConfig, train: Train, ended: Callable[[Tried], None]) -> None:
    """Runs what is left of both rounds.

    Args:
        study: from `open_study`.
        config: the space.
        train: trains one trial. A `DarkroomError` is the end of that trial alone.
        ended: called with each trial as it ends.

    Raises:
        DarkroomError: no trial of the first round could be trained, so there is nothing to narrow to.
    """
    while (count := len(_ended(study))) < 2 * config.trials:
        if count >= config.trials and not _best(study, config):
            first = trials_of(study, config)[0]
            raise DarkroomError(
                f"the first round must train once; no trial did, for example: {first.failure}. Change the space"
            )
        trial = study.ask()
        for key, dimension in config.space.items():
            if isinstance(dimension, Choice):
                trial.suggest_categorical(key, list(whole(dimension)))
            else:
                trial.suggest_float(key, 0.0, 1.0)
        pruned = False

        def report(epoch: int, score: float, trial: optuna.Trial = trial) -> bool:
            nonlocal pruned
            trial.report(score, epoch)
            pruned = trial.should_prune()
            return pruned

        try:
            score = train(_values(trial.params, config), report)
        except DarkroomError as error:
            trial.set_user_attr("failure", str(error))
            study.tell(trial, state=TrialState.PRUNED)
        else:
            trial.set_user_attr("score", score)
            study.tell(trial, None if pruned else score, state=TrialState.PRUNED if pruned else TrialState.COMPLETE)
        ended(trials_of(study, config)[-1])


def trials_of(study: optuna.Study, config: SearchConfig) -> list[Tried]:
    """The trials that ended, in the order of their numbers."""
    return [
        Tried(
            number=number,
            round=1 if number <= config.trials else 2,
            score=trial.user_attrs.get("score"),
            num_epochs=len(trial.intermediate_values),
            is_pruned=trial.state == TrialState.PRUNED and "failure" not in trial.user_attrs,
            failure=trial.user_attrs.get("failure"),
            places={key: trial.params[key] for key in config.space},
            values=_values(trial.params, config),
        )
        for number, trial in enumerate(_ended(study), start=1)
    ]


def ranked(tried: list[Tried], config: SearchConfig) -> list[Tried]:
    """Trials that ran to their end, the best first; of equal ones the earlier."""
    scored = [(_as_error(own.score, config), own.number, own) for own in tried if own.score is not None and not own.is_pruned]
    return [own for *_, own in sorted(scored, key=lambda entry: entry[:2])]


def _values(places: Mapping[str, Place], config: SearchConfig) -> dict[str, Value]:
    return {key: value_at(dimension, places[key]) for key, dimension in config.space.items()}


def _ended(study: optuna.Study) -> list[FrozenTrial]:
    """Trials in the order in which they began, without those that were killed."""
    return study.get_trials(states=[TrialState.COMPLETE, TrialState.PRUNED], deepcopy=False)


def _number(study: optuna.Study, trial: FrozenTrial) -> int:
    return 1 + sum(own.number < trial.number for own in _ended(study))


def _best(study: optuna.Study, config: SearchConfig) -> list[FrozenTrial]:
    """The best part of the first round, at least three trials."""
    first = [own for own in _ended(study)[: config.trials] if own.state == TrialState.COMPLETE]
    keep = max(round(config.keep_fraction * config.trials), 3)
    scored = [(_as_error(own.value, config), own.number, own) for own in first if own.value is not None]
    return [own for *_, own in sorted(scored, key=lambda entry: entry[:2])][:keep]


def _as_error(score: float, config: SearchConfig) -> float:
    """A score of which less is better."""
    return -score if config.metric == "accuracy" else score
