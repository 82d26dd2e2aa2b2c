import json
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dataprep.errors import TrainError
from dataprep.statistics import read_statistics
from dataprep.stream import find_train_set
from models.config import ModelConfig, NormaliseConfig, TrainConfig
from models.evaluate import load_model, predict
from models.train import build_model, encode_model, fit
from pipelines.params import Params


def train(tiny: Path, model: ModelConfig, config: TrainConfig, params: Params, path: Path) -> pl.DataFrame:
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    network = build_model(model, config, train_set, read_statistics(tiny / "statistics.json"))
    history = fit(
        network, train_set, prepared=tiny / "prepared", config=config, augment=params.augment, callbacks=[], verbose=0
    )
    path.write_bytes(encode_model(network, recipe={"class_names": ["class0", "class1", "class2"]}))
    return history


def validation_loss(tiny: Path, path: Path, params: Params) -> float:
    rows = pl.concat(predict(load_model(path), tiny / "prepared", params.evaluate))
    return float(np.mean(rows.filter(pl.col("split") == "validation")["loss"].to_numpy()))


def test_the_same_seed_gives_the_same_file_and_another_seed_another(
    tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path: Path
) -> None:
    brief = short.model_copy(update={"epochs": 2})
    histories = [train(tiny, small, brief, params, tmp_path / name) for name in ("one.keras", "two.keras")]
    train(tiny, small, brief.model_copy(update={"seed": 1}), params, tmp_path / "three.keras")
    assert histories[0].equals(histories[1])
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "two.keras").read_bytes()
    assert (tmp_path / "one.keras").read_bytes() != (tmp_path / "three.keras").read_bytes()


@pytest.mark.parametrize("method", ["scale", "log", "none"])
def test_each_normalisation_is_saved_as_the_same_bytes(tiny: Path, small: ModelConfig, short: TrainConfig, method: str) -> None:
    config = small.model_copy(update={"normalise": NormaliseConfig.model_validate({"method": method})})
    train_set, statistics = find_train_set(tiny / "prepared", tiny / "augmented"), read_statistics(tiny / "statistics.json")
    saved = [encode_model(build_model(config, short, train_set, statistics), recipe={}) for _ in range(2)]
    assert saved[0] == saved[1]


def test_it_learns_and_the_file_holds_the_best_epoch(
    tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path: Path
) -> None:
    history = train(tiny, small, short, params, tmp_path / "model.keras")
    assert history["epoch"].to_list() == [1, 2, 3, 4, 5, 6]
    assert history["val_accuracy"].to_list()[-1] > 0.9
    best = min(history["val_loss"].to_list())
    assert validation_loss(tiny, tmp_path / "model.keras", params) == pytest.approx(best, rel=1e-3)


def test_it_stops_early_and_still_keeps_the_best_epoch(
    tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path: Path
) -> None:
    wild = short.model_copy(update={"learning_rate": 3.0, "epochs": 30, "patience": 2})
    history = train(tiny, small, wild, params, tmp_path / "model.keras")
    losses = history["val_loss"].to_list()
    assert len(losses) < 30
    assert losses.index(min(losses)) == len(losses) - 3
    assert validation_loss(tiny, tmp_path / "model.keras", params) == pytest.approx(min(losses), rel=1e-3)


def test_divergence_is_one_line(tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path: Path) -> None:
    wild = short.model_copy(update={"learning_rate": 1e38, "optimizer": "adam"})
    plain = small.model_copy(update={"batch_normalisation": False, "dropout": 0.0})
    with pytest.raises(TrainError, match=r"the loss must be a number; .* Lower train.learning_rate \(1e\+38\)"):
        train(tiny, plain, wild, params, tmp_path / "model.keras")


def test_the_file_says_what_was_done_and_when_never(
    tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path: Path
) -> None:
    train(tiny, small, short.model_copy(update={"epochs": 1}), params, tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        metadata = json.loads(file.read("metadata.json"))
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert metadata["darkroom"] == {"class_names": ["class0", "class1", "class2"]}
    assert "date_saved" not in metadata
