"""Proposals that are tried one after the other, and what came of them: a round, and further rounds from its winner.

    proposals of diagnosis.json    1. train.epochs=8    2. prepare.image_size=[32, 32]
    each is trained and compared with the run before, on validation; while the interval holds 0, both with the next seed too
    1. helped by 2.1 points, 2. no difference  ->  the winner is 1; only now is the test split read, of the winner alone

What trains stands behind a function, so that this module knows neither files nor DVC.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

import polars as pl
from pydantic import Field

from dataprep.core.artifacts import Count, Document
from dataprep.core.errors import DarkroomError
from models.compare.difference import Difference, Verdict, compare_runs
from models.diagnose.diagnosis import Diagnosis
from models.diagnose.finding import Value

MOST_SEEDS = 3

Changes = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Proposal:
    """An action of a finding that changes parameters."""

    finding: str
    text: str
    changes: Changes


class Run(Protocol):
    """What is left of one training."""

    def answers(self, split: Literal["validation", "test"]) -> pl.DataFrame:
        """One row for each image of the split: id, cluster, right."""

    def diagnosis(self) -> Diagnosis: ...


class Outcome(Document):
    """What came of one proposal, on validation."""

    number: Annotated[int, Field(ge=1)]
    finding: str
    text: str
    changes: dict[str, Value]
    experiment: str  # its name in DVC, of the first seed
    difference: Difference | None  # null where training failed
    failure: str | None

    @property
    def verdict(self) -> Verdict | Literal["failed"]:
        return self.difference.verdict if self.difference else "failed"

    @property
    def in_words(self) -> str:
        return in_words(self.changes)


class Round(Document):
    """All proposals of one report."""

    number: Annotated[int, Field(ge=1)]
    base: dict[str, Value]  # what the winners of the rounds before had changed
    outcomes: list[Outcome]
    winner: int | None  # number of the proposal that helped most; null where none did


class Iteration(Document):
    """What reports/iterate.json holds."""

    format_version: Literal[1] = 1
    seed: Count  # train.seed of the first training; the next seeds follow it
    rounds: list[Round]
    changes: dict[str, Value]  # of all winners together
    experiment: str | None  # the last winner, in DVC
    test: Difference | None  # of the last winner against the run before the first round; null where nothing helped


Train = Callable[[str, Changes, int], Run]
"""Takes the name of an experiment, all changes to params.yaml, and how far the seed is moved."""


def proposals_of(diagnosis: Diagnosis, most: int) -> list[Proposal]:
    """The first proposals that change parameters, in the order of the report; of equal ones the first."""
    found: list[Proposal] = []
    for finding in diagnosis.findings:
        for action in finding.actions:
            if action.changes and action.changes not in [own.changes for own in found]:
                found.append(Proposal(finding.id, action.text, action.changes))
    return found[:most]


def iterate(
    base: Run,
    train: Train,
    *,
    first_seed: int,
    most_proposals: int,
    most_seeds: int,
    most_rounds: int,
    ended: Callable[[int, Outcome], None],
) -> Iteration:
    """Tries proposals, and those of the winner, until a round has none that helps.

    Args:
        base: the run that is there.
        train: trains one experiment; a `DarkroomError` is the end of that proposal alone.
        first_seed: `train.seed` of the run that is there.
        most_proposals: of each round.
        most_seeds: trainings of each proposal.
        most_rounds: how often.
        ended: called with the number of the round and each outcome.
    """
    rounds: list[Round] = []
    changes: dict[str, Value] = {}
    experiment, start, best = None, _Seeds(base, "iterate-1-before", {}, train), None
    current = start
    for number in range(1, most_rounds + 1):
        proposals = proposals_of(current.run(0).diagnosis(), most_proposals)
        outcomes, runs = [], []
        for place, proposal in enumerate(proposals, start=1):
            own = _Seeds(None, f"iterate-{number}-{place}", merged(changes, proposal.changes), train)
            outcomes.append(_try(proposal, place, current, own, most_seeds))
            runs.append(own)
            ended(number, outcomes[-1])
        winner = _winner(outcomes)
        rounds.append(Round(number=number, base=changes, outcomes=outcomes, winner=winner))
        if winner is None:
            break
        current = best = runs[winner - 1]
        changes, experiment = dict(current.changes), current.name
    return Iteration(
        seed=first_seed,
        rounds=rounds,
        changes=changes,
        experiment=experiment,
        test=_compare(start, best, min(start.count, best.count), "test") if best else None,
    )


def merged(changes: Changes, more: Changes) -> dict[str, Value]:
    """Changes after changes. A section that is replaced takes with it what was changed within.

    >>> merged({"train.epochs": 8, "model.network.dropout": 0.5}, {"model.network": {"kind": "perceptron"}})
    {'train.epochs': 8, 'model.network': {'kind': 'perceptron'}}
    """
    kept = {key: value for key, value in changes.items() if not any(f"{key}.".startswith(f"{new}.") for new in more)}
    return {**kept, **more}


def in_words(changes: Changes, longest: int = 60) -> str:
    """Changes on one line, each as `dvc exp run -S` takes it; a section by its kind alone.

    >>> in_words({"train.epochs": 8, "model.network": {"kind": "transfer", "backbone": "efficientnet_lite0"}})
    'train.epochs=8 model.network.kind=transfer'
    """
    return " ".join(_in_words(key, value, longest) for key, value in changes.items())


def _in_words(key: str, value: Value, longest: int) -> str:
    if isinstance(value, dict) and "kind" in value:
        return f"{key}.kind={value['kind']}"
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{key}={text if len(text) <= longest else f'{text[:longest]}...'}"


class _Seeds:
    """The trainings of one set of parameters, each made when it is first asked for."""

    def __init__(self, first: Run | None, name: str, changes: Changes, train: Train) -> None:
        self.name, self.changes, self._train = name, changes, train
        self._runs: list[Run] = [] if first is None else [first]

    @property
    def count(self) -> int:
        return len(self._runs)

    def run(self, number: int) -> Run:
        while number >= len(self._runs):
            moved = len(self._runs)
            name = f"{self.name}-seed-{moved}" if moved else self.name
            self._runs.append(self._train(name, self.changes, moved))
        return self._runs[number]


def _try(proposal: Proposal, number: int, before: _Seeds, after: _Seeds, most_seeds: int) -> Outcome:
    difference, failure = None, None
    try:
        for seeds in range(1, most_seeds + 1):
            difference = _compare(before, after, seeds, "validation")
            if difference.verdict != "no difference":
                break
    except DarkroomError as error:
        failure = str(error)
    return Outcome(
        number=number,
        finding=proposal.finding,
        text=proposal.text,
        changes=dict(proposal.changes),
        experiment=after.name,
        difference=difference,
        failure=failure,
    )


def _compare(before: _Seeds, after: _Seeds, seeds: int, split: Literal["validation", "test"]) -> Difference:
    runs = [(before.run(number), after.run(number)) for number in range(seeds)]
    return compare_runs([first.answers(split) for first, _ in runs], [second.answers(split) for _, second in runs])


def _winner(outcomes: Sequence[Outcome]) -> int | None:
    """The proposal that helped most; of equal ones the first."""
    helped = [own for own in outcomes if own.difference and own.difference.verdict == "helped"]
    return max(helped, key=lambda own: own.difference.difference if own.difference else 0.0).number if helped else None
