"""A trial is trained as the stage train does it, and ends where it is hopeless."""

from pathlib import Path

import pytest

from dataprep.core.errors import TrainError
from dataprep.feed.batches import find_train_set
from dataprep.store.statistics import read_statistics
from models.config.model import ModelConfig
from models.config.train import TrainConfig
from models.search.study import Report
from models.search.trial import train_trial
from pipelines.parameters.params import Params
from tests.models.conftest import adam
from tests.models.networks.building import model_of
from tests.models.networks.test_transfer import TRANSFER
from tests.models.train.test_fit import index_of, train


def run_trial(
    tiny: Path, model: ModelConfig, config: TrainConfig, params: Params, report: Report, metric: str = "loss"
) -> float:
    return train_trial(
        find_train_set(tiny / "prepared", tiny / "augmented"),
        read_statistics(tiny / "statistics.json", index_of(tiny)),
        prepared=tiny / "prepared",
        model=model,
        train=config,
        augment=params.augment,
        workers=0,
        metric=metric,
        report=report,
    )


def test_the_score_is_that_of_the_epoch_that_training_would_keep(
    tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path: Path
) -> None:
    reported: list[tuple[int, float]] = []

    def record(epoch: int, score: float) -> bool:
        reported.append((epoch, score))
        return False

    score = run_trial(tiny, small, short, params, record)
    history = train(tiny, small, short, params, tmp_path / "model.keras")
    assert reported == list(zip(history["epoch"], history["val_loss"], strict=True))
    assert score == history["val_loss"].min()


def test_a_hopeless_trial_ends_at_that_epoch(tiny: Path, small: ModelConfig, short: TrainConfig, params: Params) -> None:
    reported: list[int] = []

    def report(epoch: int, _score: float) -> bool:
        reported.append(epoch)
        return epoch == 2

    run_trial(tiny, small, short, params, report, metric="accuracy")
    assert reported == [1, 2]


def test_a_loss_that_is_no_number_is_an_error_of_the_trial(
    tiny: Path, small: ModelConfig, short: TrainConfig, params: Params
) -> None:
    wild = short.model_copy(update={"optimizer": adam(1.0).model_copy(update={"learning_rate": 1e38})})
    with pytest.raises(TrainError, match="must be a number"):
        run_trial(tiny, small, wild, params, lambda *_: False)


def test_a_trial_of_two_phases_reports_each_epoch_once(tiny: Path, short: TrainConfig, params: Params) -> None:
    reported: list[int] = []

    def report(epoch: int, _score: float) -> bool:
        reported.append(epoch)
        return False

    model = model_of(params, {"kind": "transfer", **TRANSFER, "fine_tune": {"layers": 1, "epochs": 2, "learning_rate": 1e-4}})
    run_trial(tiny, model, short.model_copy(update={"epochs": 2}), params, report)
    assert reported == [1, 2, 3, 4]
