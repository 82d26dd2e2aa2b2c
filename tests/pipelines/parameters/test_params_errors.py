"""Mistakes in a section that is chosen by its key `kind`, and in one whose key was renamed."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import ValidationError

from dataprep.config.base import ByKind, Fraction, Positive, Section
from pipelines.parameters.params_errors import explain


class Adam(Section):
    kind: Literal["adam"]
    learning_rate: Fraction
    betas: tuple[Fraction, Fraction]


class Sgd(Section):
    kind: Literal["sgd"]
    learning_rate: Fraction
    momentum: Fraction


class Rmsprop(Section):
    kind: Literal["rmsprop"]
    learning_rate: Fraction
    momentum: Fraction


class Train(Section):
    renamed: ClassVar[Mapping[str, str]] = {"learning_rate": "train.optimizer.learning_rate"}

    optimizer: Annotated[Adam | Sgd | Rmsprop, ByKind]
    epochs: Positive


class Root(Section):
    train: Train


SGD = {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9}


def message(optimizer: object, **others: object) -> str:
    with pytest.raises(ValidationError) as refused:
        Root.model_validate({"train": {"optimizer": optimizer, "epochs": 1, **others}})
    first = min(refused.value.errors(include_url=False), key=lambda entry: entry["type"] != "extra_forbidden")
    return explain(first, Root)


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        (
            {**SGD, "betas": [0.9, 0.99]},
            "unknown key train.optimizer.betas of train.optimizer.kind 'sgd'; 'adam' has it. Take it out, or choose",
        ),
        (
            {"kind": "adam", "learning_rate": 0.1, "momentum": 0.9},
            "unknown key train.optimizer.momentum of train.optimizer.kind 'adam'; 'sgd' or 'rmsprop' has it. Take it out, or",
        ),
        ({**SGD, "momentun": 0.9}, "unknown key train.optimizer.momentun. Did you mean momentum?"),
        ({**SGD, "kind": "SGD"}, "train.optimizer.kind should be 'adam', 'sgd' or 'rmsprop'; got 'SGD'. Did you mean sgd?"),
        ({**SGD, "kind": "lion"}, "train.optimizer.kind should be 'adam', 'sgd' or 'rmsprop'; got 'lion'. Correct the value"),
        ({**SGD, "kind": ["sgd"]}, "train.optimizer.kind should be 'adam', 'sgd' or 'rmsprop'; got ['sgd']. Correct the value"),
        ({**SGD, "kind": None}, "train.optimizer.kind should be 'adam', 'sgd' or 'rmsprop'; got None. Correct the value"),
        (
            {**SGD, "kind": 10**400},
            "train.optimizer.kind should be 'adam', 'sgd' or 'rmsprop'; got a whole number of 1,329 bits",
        ),
        ({"momentum": 0.9}, "train.optimizer.kind is missing. Write one of: adam, sgd, rmsprop"),
        ("sgd", "train.optimizer must be a section with keys below it; got 'sgd'. Correct it"),
        (None, "train.optimizer must be a section with keys below it; got None. Correct it"),
        ({**SGD, "momentum": 7.0}, "train.optimizer.momentum should be less than or equal to 1; got 7.0. Correct the value"),
        (
            {7: 8, "kind": "sgd", "learning_rate": 0.1, "momentum": 0.9},
            "unknown key train.optimizer.7. Known here: kind, learning_rate, momentum",
        ),
        ({"kind": "sgd", "learning_rate": 0.1}, "train.optimizer.momentum is missing. Add it; the comments in"),
        (
            {"kind": "adam", "learning_rate": 0.1, "betas": [0.9]},
            "train.optimizer.betas must be a list of two numbers; got [0.9]. Correct the list",
        ),
        (
            {"kind": "adam", "learning_rate": 0.1, "betas": (0.9, 7.0)},
            "value 2 of train.optimizer.betas should be less than or equal to 1; got 7.0. Correct the value",
        ),
    ],
    ids=repr,
)
def test_a_mistake_in_a_section_chosen_by_kind_is_one_line(optimizer: object, words: str) -> None:
    assert message(optimizer).startswith(words)


def test_a_renamed_key_is_refused_with_its_new_name() -> None:
    assert message(SGD, learning_rate=0.1) == (
        "unknown key train.learning_rate. It is now train.optimizer.learning_rate. Write it there"
    )
