"""Each loss is what it says to the number, for each head, and Keras loads it without this project."""

import re
from pathlib import Path
from typing import get_args

import keras
import numpy as np
import pytest

from models.config.model import Head
from models.config.train import AbsoluteErrorConfig, CrossEntropyConfig, LossConfig, SquaredErrorConfig
from models.train.model_bytes import encode_model
from models.train.objectives import objective_of
from pipelines.parameters.params import Params
from tests.closure import SHIPPED
from tests.models.networks.building import build, images, model_of

PERCEPTRON: dict[str, object] = {"kind": "perceptron"}
SMOOTHED = CrossEntropyConfig(kind="cross_entropy", label_smoothing=0.2)
CASES: list[tuple[Head, LossConfig]] = [
    ("softmax", CrossEntropyConfig(kind="cross_entropy", label_smoothing=0.0)),
    ("softmax", SMOOTHED),
    ("binary", SMOOTHED),
    ("sigmoid", SMOOTHED),
    ("softmax", SquaredErrorConfig(kind="squared_error")),
    ("sigmoid", AbsoluteErrorConfig(kind="absolute_error")),
]


def by_hand(loss: LossConfig, head: Head, targets: np.ndarray, probabilities: np.ndarray) -> float:
    if not isinstance(loss, CrossEntropyConfig):
        error = np.abs(probabilities - targets)
        return float((error**2 if loss.kind == "squared_error" else error).mean())
    classes = 2 if head == "sigmoid" else targets.shape[1]
    smoothed = targets * (1 - loss.label_smoothing) + loss.label_smoothing / classes
    if head == "sigmoid":
        return float(-(smoothed * np.log(probabilities) + (1 - smoothed) * np.log(1 - probabilities)).mean())
    return float(-(smoothed * np.log(probabilities)).sum(axis=1).mean())


@pytest.mark.parametrize(("head", "loss"), CASES, ids=lambda case: case if isinstance(case, str) else case.kind)
def test_a_loss_is_what_it_says_and_is_loaded_with_the_model(
    params: Params, tmp_path: Path, head: Head, loss: LossConfig
) -> None:
    num_classes = 2 if head == "binary" else 4
    network = build(params, PERCEPTRON, head=head, num_classes=num_classes)
    objective = objective_of(model_of(params, PERCEPTRON, head=head), loss)
    network.compile(optimizer="adam", loss=objective.loss, metrics=[objective.accuracy])
    targets = np.eye(num_classes, dtype=np.float32)[np.arange(12) % num_classes]
    network.train_on_batch(images(), targets)  # or the file lacks the state of the optimizer
    expected = by_hand(loss, head, targets, network.predict_on_batch(images()))
    assert network.test_on_batch(images(), targets)[0] == pytest.approx(expected, rel=1e-5)
    (tmp_path / "model.keras").write_bytes(encode_model(network, recipe={}))
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert loaded.test_on_batch(images(), targets, return_dict=True)["loss"] == pytest.approx(expected, rel=1e-5)


def test_every_kind_has_a_case_and_a_line_in_params() -> None:
    kinds = get_args(LossConfig)
    assert {type(loss) for _, loss in CASES} == set(kinds)
    text = re.sub(r"\n\s*#", "", SHIPPED.read_text())
    for kind in kinds:
        _, *keys = kind.model_fields
        assert ": ".join([get_args(kind.model_fields["kind"].annotation)[0], *keys]) in text
