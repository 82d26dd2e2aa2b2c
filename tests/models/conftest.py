"""A tiny prepared data set and a small network."""

from pathlib import Path

import pytest

from dataprep.config.statistics import StatisticsConfig
from dataprep.store.statistics import measure_train, write_statistics
from models.config.model import ModelConfig
from models.config.train import AdamConfig, EarlyStoppingConfig, TrainConfig
from pipelines.parameters.params import Params
from tests.conftest import write_striped_tree
from tests.dataprep.augment.test_stored_copies import copy_all
from tests.dataprep.prepare.test_packing import prepare, split_rows


def adam(learning_rate: float) -> AdamConfig:
    return AdamConfig(kind="adam", learning_rate=learning_rate, beta_1=0.9, beta_2=0.999)


def stopping(patience: int) -> EarlyStoppingConfig:
    return EarlyStoppingConfig(metric="val_loss", patience=patience, min_change=0.0)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """A folder with raw/, prepared/, augmented/ and statistics.json: 3 striped classes of 40 images, 8 x 8."""
    folder = tmp_path_factory.mktemp("tiny")
    write_striped_tree(folder / "raw", classes=3, images=40)
    prepare(split_rows(folder / "raw"), folder / "prepared", folder / "raw")
    copy_all(folder / "prepared", folder / "augmented", params.augment)
    write_statistics(folder / "statistics.json", measure_train(folder / "prepared", StatisticsConfig(per="pixel")))
    return folder


@pytest.fixture(scope="session")
def small(params: Params) -> ModelConfig:
    network = params.model.network.model_copy(update={"filters": (4, 8), "dense_units": (16,)})
    return params.model.model_copy(update={"network": network})


@pytest.fixture(scope="session")
def short(params: Params) -> TrainConfig:
    return params.train.model_copy(
        update={"epochs": 6, "early_stopping": stopping(6), "batch_size": 8, "optimizer": adam(0.01)}
    )


@pytest.fixture(scope="session")
def mlp(params: Params) -> ModelConfig:
    """The network that costs least."""
    network = {"kind": "mlp", "dense_units": [16], "dropout": 0.1, "batch_normalisation": True, "noise": 0.0}
    return ModelConfig.model_validate({**params.model.model_dump(mode="json"), "network": network})
