"""Rounds of proposals, with trainings made up: how often, in which order, and which split is read when."""

from dataclasses import dataclass, field
from typing import Literal

import polars as pl
import pytest

from dataprep.core.errors import DarkroomError
from models.compare.proposal_loop import Changes, Iteration, iterate, proposals_of
from models.diagnose.diagnosis import Diagnosis
from models.diagnose.finding import Finding, by_hand, experiment

LONGER: Changes = {"train.epochs": 80}
SMALLER: Changes = {"model.network.dropout": 0.1}
WRONG: Changes = {"train.batch_size": 7}


def report(*proposals: Changes) -> Diagnosis:
    finding = Finding(
        id="high_bias",
        severity="problem",
        points=1.0,
        interval=(0.0, 2.0),
        headline="It is so.",
        evidence="Seen.",
        causes=[],
        actions=[by_hand("Look."), *(experiment("Try.", changes) for changes in proposals)],
    )
    return Diagnosis(target_accuracy=0.9, summary=[], findings=[finding])


@dataclass
class MadeUp:
    """Trainings whose number of right answers a test chooses, of 100 images, by their changes and how far the seed is moved."""

    right: dict[str, list[int]]
    reports: dict[str, Diagnosis] = field(default_factory=dict)
    trained: list[tuple[str, int]] = field(default_factory=list)
    read: list[tuple[str, str]] = field(default_factory=list)

    def train(self, name: str, changes: Changes, moved: int) -> "MadeUpRun":
        self.trained.append((name, moved))
        if changes.get("train.batch_size") == 7:
            raise DarkroomError("it must not be 7")
        return MadeUpRun(self, ",".join(changes), moved, name)

    def iterate(self, rounds: int = 1, seeds: int = 3, most: int = 3) -> Iteration:
        return iterate(
            MadeUpRun(self, "", 0, "base"),
            self.train,
            first_seed=5,
            most_proposals=most,
            most_seeds=seeds,
            most_rounds=rounds,
            ended=lambda number, outcome: None,
        )


@dataclass(frozen=True)
class MadeUpRun:
    made_up: MadeUp
    changed: str
    moved: int
    name: str

    def answers(self, split: Literal["validation", "test"]) -> pl.DataFrame:
        self.made_up.read.append((split, self.name))
        count = self.made_up.right[self.changed][self.moved]
        ids = [f"{number:03d}" for number in range(100)]
        return pl.DataFrame({"id": ids, "cluster": ids, "right": [number < count for number in range(100)]})

    def diagnosis(self) -> Diagnosis:
        return self.made_up.reports[self.changed]


def test_proposals_are_what_commands_change_in_the_order_of_the_report_each_once() -> None:
    found = proposals_of(report(LONGER, SMALLER, LONGER, {"train.seed": 1}), 3)
    assert [own.changes for own in found] == [LONGER, SMALLER, {"train.seed": 1}]
    assert [own.changes for own in proposals_of(report(LONGER, SMALLER), 1)] == [LONGER]
    assert proposals_of(report(), 3) == []


def test_what_helped_most_wins_and_the_test_split_is_read_for_it_alone() -> None:
    made_up = MadeUp(
        {"": [60, 60, 60], "train.epochs": [75], "model.network.dropout": [80]},
        {"": report(LONGER, SMALLER, WRONG)},
    )
    done = made_up.iterate()
    assert [own.verdict for own in done.rounds[0].outcomes] == ["helped", "helped", "failed"]
    assert done.rounds[0].outcomes[2].failure == "it must not be 7"
    assert (done.rounds[0].winner, done.experiment, done.changes) == (2, "iterate-1-2", SMALLER)
    assert [name for split, name in made_up.read if split == "test"] == ["base", "iterate-1-2"]
    assert made_up.read.index(("test", "base")) == len(made_up.read) - 2
    assert done.test is not None
    assert (done.test.before, done.test.after, done.seed) == (0.6, 0.8, 5)


def test_a_small_difference_is_tried_with_more_seeds_of_both_and_a_large_one_is_not() -> None:
    made_up = MadeUp(
        {"": [60, 60, 60], "train.epochs": [62, 61, 60], "model.network.dropout": [80, 80, 80]}, {"": report(LONGER, SMALLER)}
    )
    done = made_up.iterate()
    assert made_up.trained == [
        ("iterate-1-1", 0),
        ("iterate-1-before-seed-1", 1),
        ("iterate-1-1-seed-1", 1),
        ("iterate-1-before-seed-2", 2),
        ("iterate-1-1-seed-2", 2),
        ("iterate-1-2", 0),
    ]
    assert [own.difference.seeds for own in done.rounds[0].outcomes if own.difference] == [3, 1]
    assert done.rounds[0].winner == 2


def test_nothing_helped_and_no_test_image_was_seen() -> None:
    made_up = MadeUp({"": [60], "train.epochs": [40], "model.network.dropout": [60]}, {"": report(LONGER, SMALLER)})
    done = made_up.iterate(rounds=3, seeds=1)
    assert [own.verdict for own in done.rounds[0].outcomes] == ["harmed", "no difference"]
    assert (done.rounds[0].winner, done.experiment, done.changes, done.test, len(done.rounds)) == (None, None, {}, None, 1)
    assert "test" not in dict(made_up.read)


def test_a_round_goes_on_from_the_winner_with_what_the_winner_s_report_proposes() -> None:
    made_up = MadeUp(
        {"": [40], "train.epochs": [60], "train.epochs,model.network.dropout": [80]},
        {"": report(LONGER), "train.epochs": report(SMALLER), "train.epochs,model.network.dropout": report()},
    )
    done = made_up.iterate(rounds=3)
    assert [own.winner for own in done.rounds] == [1, 1, None]
    assert [own.base for own in done.rounds] == [{}, LONGER, {**LONGER, **SMALLER}]
    assert (done.changes, done.experiment) == ({**LONGER, **SMALLER}, "iterate-2-1")
    assert done.test is not None
    assert (done.test.before, done.test.after) == (0.4, 0.8)  # against the run before the first round


@pytest.mark.parametrize("proposals", [(), (WRONG,)])
def test_without_a_proposal_that_can_be_run_there_is_no_winner(proposals: tuple[Changes, ...]) -> None:
    done = MadeUp({"": [60]}, {"": report(*proposals)}).iterate()
    assert done.rounds[0].winner is None
    assert Iteration.model_validate_json(done.model_dump_json()) == done
