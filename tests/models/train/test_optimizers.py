"""Each optimizer is Keras' own with the parameters of its kind, and trains, is saved and loaded with them."""

import re
from typing import get_args

import keras
import numpy as np
import pytest

from models.config.train import AdamwConfig, OptimizerConfig, RmspropConfig, SgdConfig
from models.train.optimizers import make_optimizer
from tests.closure import SHIPPED
from tests.models.conftest import adam

CONFIGS: list[OptimizerConfig] = [
    adam(0.01),
    AdamwConfig(kind="adamw", learning_rate=0.01, beta_1=0.8, beta_2=0.9, weight_decay=0.1),
    SgdConfig(kind="sgd", learning_rate=0.01, momentum=0.8, nesterov=True),
    RmspropConfig(kind="rmsprop", learning_rate=0.01, rho=0.8, momentum=0.7),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
def test_an_optimizer_has_the_parameters_that_were_asked_for(config: OptimizerConfig) -> None:
    made = make_optimizer(config)
    assert type(made).__name__.lower() == config.kind
    assert {key: made.get_config()[key] for key in type(config).model_fields if key != "kind"} == pytest.approx(
        config.model_dump(exclude={"kind"})
    )


def test_every_kind_has_a_case_and_a_line_in_params() -> None:
    kinds = get_args(OptimizerConfig)
    assert [type(config) for config in CONFIGS] == list(kinds)
    text = re.sub(r"\n\s*#", "", SHIPPED.read_text())
    for kind in kinds:
        name, *keys = kind.model_fields
        assert name == "kind"
        assert f"{get_args(kind.model_fields['kind'].annotation)[0]}: {', '.join(keys)}" in text


def test_momentum_of_sgd_moves_a_weight_further() -> None:
    moved = []
    for momentum, nesterov in ((0.0, False), (0.5, False), (0.5, True)):
        weight = keras.Variable(np.zeros(1, dtype=np.float32))
        optimizer = make_optimizer(SgdConfig(kind="sgd", learning_rate=1.0, momentum=momentum, nesterov=nesterov))
        for _ in range(2):
            optimizer.apply([keras.ops.ones(1)], [weight])
        moved.append(float(weight.numpy()[0]))
    assert moved == [-2.0, -2.5, -3.25]  # 1 + 1; 1 + 1.5; 1.5 + 1.75
