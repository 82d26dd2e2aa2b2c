"""What findings propose to change: larger networks, longer training, and train images that are varied more."""

import math

from dataprep.augment.drawn_parameters import section_of
from dataprep.config.augment import LABELS, AugmentConfig
from models.diagnose.facts import Facts, Settings
from models.diagnose.finding import Value

OFTEN = 0.5
"""Probability with which an operation happens to a train image."""

_GEOMETRIC = ("rotation", "zoom", "shear", "shift")
"""What leaves every label as it is, in the ranges that params.yaml has: pictures of anything are turned and moved a little."""

_ENOUGH_STEPS = 3_000
"""Of 500 digits, 16 steps an epoch, 15 epochs left the validation loss falling, and so did 30."""
_MOST_EPOCHS = 100

_USUAL = {"filters": 32, "dense_units": 128}
"""Of the first layer of a network that reads digits or small photographs."""

CNN: dict[str, Value] = {
    "kind": "cnn",
    "filters": [32, 64],
    "kernel_size": 3,
    "strides": 1,
    "padding": "same",
    "pooling": "max",
    "unpooled": [],
    "block_dropout": 0.25,
    "dropout_after": [],
    "dropout": 0.3,
    "dense_units": [128],
    "batch_normalisation": True,
    "noise": 0.0,
}
"""The network of the default params.yaml."""


def longer(facts: Facts, *, least: int = 0) -> dict[str, Value]:
    """As many epochs as make some thousand steps; early stopping ends what is too long.

    Args:
        facts: of this training.
        least: epochs that are proposed at least.
    """
    settings = facts.settings
    steps = math.ceil(facts.metrics.train.images / settings.batch_size)
    enough = max(least, min(math.ceil(_ENOUGH_STEPS / steps), _MOST_EPOCHS))
    return {"train.epochs": enough} if enough > settings.epochs else {}


def vary_more(facts: Facts) -> dict[str, Value]:
    """Turns on what leaves labels as they are, at a probability of a half; of photographs also the mirror image.

    Images that vary take longer to learn: with few steps, more epochs as well.
    """
    augment = facts.settings.augment
    names = [*_GEOMETRIC, *(["horizontal_flip"] if _mirrors(facts) else [])]
    more: dict[str, Value] = {
        f"augment.{name}.probability": OFTEN for name in names if section_of(augment, name).probability < OFTEN
    }
    return more | ({} if augment.online else {"augment.online": True}) | longer(facts) if more else {}


def show_more_often(augment: AugmentConfig) -> dict[str, Value]:
    """Shows each class as often as the largest, where that is not done."""
    return {} if augment.balance == "oversample" else {"augment.balance": "oversample"}


def larger_network(settings: Settings) -> dict[str, Value]:
    """Twice the filters and units of each layer, no fewer than is usual; a convolutional network in the place of one layer.

    A kind of the user's own may have one number there, or something else by that name, which stays.
    """
    if settings.network == "perceptron":
        return {"model.network": CNN}
    changes: dict[str, Value] = {}
    for key, usual in _USUAL.items():
        widths = settings.layers.get(key)
        if isinstance(widths, int):
            changes[f"model.network.{key}"] = max(2 * widths, usual)
        elif isinstance(widths, list) and widths and all(isinstance(width, int) for width in widths):
            changes[f"model.network.{key}"] = [max(2 * width, usual) for width in widths]
    return changes


def less_regularised(settings: Settings) -> dict[str, Value]:
    """No penalties on weights, and half the dropout, where there is much of it."""
    changes: dict[str, Value] = {f"model.{key}": 0.0 for key in ("l1", "l2") if getattr(settings, key) >= _HEAVY}
    dropout = settings.layers.get("dropout")
    if isinstance(dropout, int | float) and dropout > OFTEN:
        changes["model.network.dropout"] = round(dropout / 2, 3)
    return changes


def more_regularised(settings: Settings) -> dict[str, Value]:
    """Dropout of a half, and a penalty on squared weights."""
    changes: dict[str, Value] = {}
    dropout = settings.layers.get("dropout")
    if isinstance(dropout, int | float) and 0.0 <= dropout < OFTEN:
        changes["model.network.dropout"] = OFTEN
    if settings.l2 < _LIGHT:
        changes["model.l2"] = _LIGHT
    return changes


def _mirrors(facts: Facts) -> bool:
    """Whether a mirrored image is one that the camera might have seen."""
    refused = {name for entry in facts.settings.augment.label_safe for name in _changed_by(entry)}
    return facts.pictures.are_photographs and "horizontal_flip" not in refused


def _changed_by(entry: str) -> tuple[str, ...]:
    return LABELS[entry].changed_by if entry in LABELS else (entry,)


_HEAVY = 1e-3
_LIGHT = 1e-4
