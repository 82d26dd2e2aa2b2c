"""Laws of the dimensions of a search space."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dataprep.core.rng import rng_for
from models.config.search import (
    Choice,
    Dimension,
    Integer,
    LogUniform,
    OneMinusLogUniform,
    SearchConfig,
    Symmetric,
    Uniform,
    Value,
)
from models.search.space import draw, narrowed, setting, value_at, whole

RANGES: list[Dimension] = [
    Uniform(kind="uniform", low=-0.5, high=0.5),
    LogUniform(kind="log_uniform", low=1e-5, high=0.1),
    OneMinusLogUniform(kind="one_minus_log_uniform", low=0.9, high=0.9999),
    Symmetric(kind="symmetric", low=0.0, high=30.0),
    Integer(kind="integer", low=8, high=256),
]
CHOICE = Choice.model_validate({"kind": "choice", "values": [[8], "max", 3]})


def end(value: object) -> float:
    """The number of a range, or the upper end of a symmetric one."""
    return float(value[1] if isinstance(value, tuple) else value)  # type: ignore[arg-type]  # numbers by construction


@pytest.mark.parametrize("dimension", RANGES, ids=lambda own: own.kind)
@given(places=st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted))
def test_a_range_is_monotonous_and_keeps_its_bounds(dimension: Dimension, places: list[float]) -> None:
    low, high = (end(value_at(dimension, place)) for place in places)
    assert end(value_at(dimension, 0.0)) <= low <= high <= end(value_at(dimension, 1.0))


MIDDLES = [0.0, 0.001, 0.996838, 15.0, 45]


@pytest.mark.parametrize(("dimension", "middle"), list(zip(RANGES, MIDDLES, strict=True)), ids=[own.kind for own in RANGES])
def test_the_value_in_the_middle(dimension: Dimension, middle: float) -> None:
    assert end(value_at(dimension, 0.5)) == pytest.approx(middle)


@given(best=st.lists(st.floats(0, 1), min_size=1), seed=st.integers(0, 99))
def test_the_narrowed_part_holds_the_best_and_draws_stay_in_it(best: list[float], seed: int) -> None:
    low, high = narrowed(RANGES[0], best)
    assert 0 <= low <= min(best) <= max(best) <= high <= 1
    assert low <= draw(RANGES[0], (low, high), rng_for(seed)) <= high


def test_a_choice_is_narrowed_to_the_values_of_the_best() -> None:
    assert whole(CHOICE) == (0, 1, 2)
    assert narrowed(CHOICE, [2, 0, 2]) == (0, 2)
    drawn = {draw(CHOICE, (0, 2), rng_for(seed)) for seed in range(20)}
    assert {value_at(CHOICE, place) for place in drawn} == {(8,), 3}


def test_settings_are_read_back_as_they_are() -> None:
    values: dict[str, Value] = {"a.b": (8, 16), "a.c": "max", "a.d": 1e-05, "a.e": True}
    given_back = [json.loads(argument.partition("=")[2]) for argument in setting(values)[1::2]]
    assert given_back == [[8, 16], "max", 1e-05, True]


@pytest.mark.parametrize(
    ("key", "dimension", "words"),
    [
        ("prepare.image_size", {"kind": "integer", "low": 8, "high": 32}, "must name keys of model, train or augment"),
        ("augment.copies", {"kind": "integer", "low": 1, "high": 3}, "must name keys of model, train or augment"),
        ("train.seed", {"kind": "uniform", "low": 1.0, "high": 1.0}, "must have low below high; got 1 and 1"),
        ("train.seed", {"kind": "choice", "values": [1]}, "at least 2"),
    ],
)
def test_spaces_that_cannot_be(key: str, dimension: object, words: str) -> None:
    document = {"trials": 5, "keep_fraction": 0.25, "epochs": 3, "metric": "accuracy", "seed": 0, "space": {key: dimension}}
    with pytest.raises(ValidationError, match=words):
        SearchConfig.model_validate(document)
