"""What a finding is: one thing that is true of this training, how sure that is, and what to do about it."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from dataprep.core.artifacts import Document

Severity = Literal["blocker", "problem", "result", "note"]
"""The gravest first. blocker: look at this before anything else. problem: a part of the error with a known cause. result: how
the accuracy stands to the target, where nothing worse is certain. note: worth knowing, nothing to mend."""

Value = bool | int | float | str | list[Any] | dict[str, Any]
"""Of a key of params.yaml. A mapping stands for a whole section, which it replaces: another kind of network has other keys."""


class Action(Document):
    """One thing to do. A person does it, or a command that can be pasted."""

    text: str
    command: str | None  # null where a person does it
    changes: dict[str, Value]  # keys of params.yaml that the command sets


class Finding(Document):
    """One finding. Points are points of accuracy, 0 to 100."""

    id: str
    severity: Severity
    points: float  # how much of the error it explains; of a result, what is missing to the target
    interval: Annotated[tuple[float, float], Field(description="95%")]  # of the points
    headline: str
    evidence: str
    causes: list[str]  # the likely ones
    actions: list[Action]  # in this order
    images: list[str] = Field(default_factory=list)  # ids of some that show it


def by_hand(text: str) -> Action:
    """What a person does."""
    return Action(text=text, command=None, changes={})


def experiment(text: str, changes: Mapping[str, Value]) -> Action:
    """A training with other parameters; by hand where there is nothing to change.

    >>> experiment("Train longer.", {"train.epochs": 80}).command
    'dvc exp run -S train.epochs=80'
    >>> experiment("Another network.", {"model.network": {"kind": "perceptron"}}).command
    "dvc exp run -S '~model.network' -S '+model.network={kind: perceptron}'"
    """
    if not changes:
        return by_hand(text)
    settings = " ".join(f"-S {shlex.quote(setting)}" for key, value in changes.items() for setting in _settings(key, value))
    return Action(text=text, command=f"dvc exp run {settings}", changes=dict(changes))


def train_longer(epochs: int, patience: int) -> Action:
    """Twice the epochs and twice the patience."""
    return experiment(
        "Train longer.",
        {"train.epochs": 2 * epochs, "train.early_stopping.patience": 2 * patience},
    )


def in_points(size: float, low: float, high: float) -> tuple[float, tuple[float, float]]:
    """Points and interval of fractions, rounded to what anybody reads.

    >>> in_points(0.049, 0.01, 0.091)
    (4.9, (1.0, 9.1))
    """
    return round(100 * size, 3), (round(100 * low, 3), round(100 * high, 3))


def with_interval(points: float, interval: tuple[float, float]) -> str:
    """Points as text.

    >>> with_interval(4.9, (1.0, 9.1))
    '4.9 points (95% interval 1.0 to 9.1)'
    """
    return f"{points:.1f} points (95% interval {interval[0]:.1f} to {interval[1]:.1f})"


def _settings(key: str, value: Value) -> Iterator[str]:
    """As `dvc exp run -S` takes them: of a section, that it goes, and what comes in its place."""
    if isinstance(value, dict):
        yield f"~{key}"
        key = f"+{key}"
    yield f"{key}={_as_yaml(value)}"


def _as_yaml(value: object) -> str:
    """A value on one line, in the words that both YAML and `dvc exp run -S` read.

    >>> _as_yaml({"units": [], "rate": 0.1, "tune": None, "on": True})
    '{units: [], rate: 0.1, tune: null, on: true}'
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_as_yaml(own)}" for key, own in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_as_yaml, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)
