import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
import pytest

from models.diagnose.loss_curve import LossCurve, chance_of_fall, learning_curve

EPOCHS = np.arange(24)
FALLING: dict[str, Sequence[float]] = {
    "loss": list(2.0 * 0.9**EPOCHS),
    "val_loss": list(2.0 * 0.93**EPOCHS),
    "val_accuracy": list(0.2 + 0.4 * EPOCHS / 23),
}
SLOW: dict[str, Sequence[float]] = {
    "loss": list(2.3 - 0.01 * EPOCHS),
    "val_loss": list(2.3 - 0.01 * EPOCHS),
    "val_accuracy": list(0.2 + 0.001 * EPOCHS),
}
SWINGING: dict[str, Sequence[float]] = {
    "loss": [3.0, 2.0] * 12,
    "val_loss": [2.5, 2.2] * 12,
    "val_accuracy": [0.3, 0.35] * 12,
}


def curve_of(losses: Mapping[str, Sequence[float]], kept: int | None = None) -> LossCurve:
    best = int(np.argmin(losses["val_loss"])) + 1
    return learning_curve(pl.DataFrame(dict(losses)), best if kept is None else kept)


def test_the_chance_of_a_fall_is_that_of_counting_all_orderings() -> None:
    for count in range(1, 7):
        orderings = list(itertools.permutations(range(count)))
        falls = [sum(a > b for a, b in itertools.combinations(order, 2)) for order in orderings]
        for order, own in zip(orderings, falls, strict=True):
            assert chance_of_fall(order) == pytest.approx(sum(other >= own for other in falls) / len(falls))


def test_losses_at_rest_seldom_fall_for_certain() -> None:
    rng = np.random.default_rng(0)
    found = [curve_of(FALLING | {"val_loss": list(0.3 + 0.02 * rng.standard_normal(24))}).still_falls for _ in range(1000)]
    assert 0.02 < np.mean(found) < 0.06


@pytest.mark.parametrize(("losses", "falls"), [(FALLING, True), (SLOW, True), (SWINGING, False)])
def test_a_validation_loss_that_falls_to_the_end_is_seen(losses: Mapping[str, Sequence[float]], falls: bool) -> None:
    assert curve_of(losses).still_falls == falls


@pytest.mark.parametrize(("val_loss", "falls"), [([0.5, 0.4, 0.3], True), ([0.3, 0.4, 0.5], False), ([0.5], True)])
def test_of_few_epochs_the_last_must_be_the_best(val_loss: list[float], falls: bool) -> None:
    few = {"loss": val_loss, "val_loss": val_loss, "val_accuracy": [0.5] * len(val_loss)}
    assert curve_of(few, kept=len(val_loss)).still_falls == falls  # whatever metric chose the epoch


def test_the_next_doubling_brings_the_same_part_of_the_last() -> None:
    def outlook(*accuracies: float) -> float:
        losses = list(accuracies)
        return curve_of({"loss": losses, "val_loss": losses, "val_accuracy": losses}, kept=len(losses)).outlook

    assert outlook(0.5, 0.8, 0.85, 0.9) == pytest.approx(0.1 / 3)
    assert outlook(0.5, 0.55, 0.6, 0.9) == pytest.approx(0.35)
    assert outlook(0.5, 0.5, 0.6, 0.9) == pytest.approx(0.4)
    assert outlook(0.5, 0.9) == pytest.approx(0.4)
    assert outlook(0.5) == pytest.approx(0.5)


def test_what_the_second_half_brought() -> None:
    assert curve_of(FALLING).gained == pytest.approx(0.4 * 12 / 23)
    assert curve_of(SWINGING).gained == 0


def test_swings_are_rises_by_a_tenth_or_what_is_no_number() -> None:
    assert curve_of(SWINGING).swings
    assert curve_of(FALLING | {"loss": [math.nan, *FALLING["loss"][1:]]}).swings
    assert not curve_of(FALLING).swings
    assert not curve_of(FALLING | {"loss": [0.30, 0.31] * 12}).swings


def test_a_loss_that_does_not_fall_for_certain_stands_still() -> None:
    assert curve_of(SWINGING).stands_still
    assert not curve_of(SLOW).stands_still
    assert not curve_of(
        {"loss": [1.0, 1.0], "val_loss": [1.0, 1.0], "val_accuracy": [0.5, 0.5]}
    ).stands_still  # too few to tell
