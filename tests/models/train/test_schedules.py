"""The rate of each epoch, and when training ends, by hand-made numbers."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from models.config.train import EarlyStoppingConfig, ScheduleConfig, TrainConfig
from models.train.early_stopping import costs_of, is_best, waited_enough
from models.train.schedules import rate_of_epoch
from tests.models.conftest import adam


def config(short: TrainConfig, epochs: int = 5, **schedule: Any) -> TrainConfig:
    made: ScheduleConfig = TypeAdapter(ScheduleConfig).validate_python(schedule)
    return short.model_copy(update={"optimizer": adam(0.2), "schedule": made, "epochs": epochs})


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ({"kind": "constant"}, [0.2, 0.2, 0.2, 0.2]),
        ({"kind": "inverse_time", "decay": 1.0}, [0.1, 0.2 / 3, 0.05, 0.04]),
        ({"kind": "exponential", "decay": 0.5}, [0.1, 0.05, 0.025, 0.0125]),
        ({"kind": "inverse_root", "factor": 0.5}, [0.1, 0.1 / 2**0.5, 0.1 / 3**0.5, 0.05]),
        (
            {"kind": "cosine", "warm_up_epochs": 0, "final_fraction": 0.0},
            [0.2, 0.1 * (1 + 0.5**0.5), 0.1, 0.1 * (1 - 0.5**0.5)],
        ),
        ({"kind": "cosine", "warm_up_epochs": 2, "final_fraction": 0.5}, [0.2 / 3, 0.4 / 3, 0.2, 0.15, 0.1]),
        ({"kind": "cosine", "warm_up_epochs": 4, "final_fraction": 0.0}, [0.04, 0.08, 0.12, 0.16, 0.2]),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_the_rate_of_each_epoch(short: TrainConfig, schedule: dict[str, Any], rates: list[float]) -> None:
    made = config(short, **schedule)
    assert [rate_of_epoch(made, number, []) for number in range(1, len(rates) + 1)] == pytest.approx(rates)


def test_a_plateau_lowers_the_rate_and_a_gain_begins_anew(short: TrainConfig) -> None:
    made = config(short, kind="plateau", factor=0.5, patience=2, min_change=0.1)
    costs = [1.0, 0.95, 0.85, 0.84, 0.83, 0.82, 0.81]  # 0.85 is a gain; 0.84 and 0.83 are none, nor are 0.82 and 0.81
    rates = [rate_of_epoch(made, number + 1, costs[:number]) for number in range(len(costs) + 1)]
    assert rates == pytest.approx([0.2, 0.2, 0.2, 0.2, 0.2, 0.1, 0.1, 0.05])


def test_patience_counts_epochs_without_a_gain_of_the_least_change() -> None:
    stopping = EarlyStoppingConfig(metric="val_loss", patience=2, min_change=0.1)
    assert not waited_enough(stopping, [])
    assert not waited_enough(stopping, [1.0, 0.95])
    assert waited_enough(stopping, [1.0, 0.95, 0.92])
    assert not waited_enough(stopping, [1.0, 0.95, 0.85])


def test_an_accuracy_is_better_when_it_is_higher_and_no_number_is_never_best() -> None:
    stopping = EarlyStoppingConfig(metric="val_accuracy", patience=2, min_change=0.0)
    costs = costs_of(stopping, [{"val_accuracy": value} for value in (0.5, 0.9, float("nan"), 0.9)])
    assert [is_best(costs[:number]) for number in range(1, 5)] == [True, True, False, False]
    assert waited_enough(stopping, costs)


def test_a_warm_up_that_does_not_end_is_refused(short: TrainConfig) -> None:
    said = {**short.model_dump(), "schedule": {"kind": "cosine", "warm_up_epochs": 6, "final_fraction": 0.0}}
    with pytest.raises(ValidationError, match=r"warm_up_epochs must be below epochs 6; got 6\. Lower it"):
        TrainConfig.model_validate(said)
