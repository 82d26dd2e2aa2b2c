from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dataprep.artifacts import write_table
from dataprep.errors import ArtifactError
from dataprep.statistics import read_statistics
from dataprep.stream import find_train_set, ordered_batches
from models.config import ModelConfig, TrainConfig
from models.evaluate import load_model, predict
from models.predictions import PREDICTIONS, class_names_of, predictions_frame, read_predictions
from models.train import build_model, encode_model
from pipelines.params import Params


@pytest.fixture(scope="module")
def model(tiny: Path, small: ModelConfig, short: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.keras"
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    network = build_model(small, short, train_set, read_statistics(tiny / "statistics.json"))
    path.write_bytes(encode_model(network, recipe={}))
    return path


def test_every_image_of_every_split_is_predicted_once(tiny: Path, model: Path, params: Params, tmp_path: Path) -> None:
    rows = pl.concat(predict(load_model(model), tiny / "prepared", params.evaluate))
    assert sorted(rows["id"]) == sorted(str(path.relative_to(tiny / "raw")) for path in (tiny / "raw").rglob("*.png"))
    assert class_names_of(rows) == ["class0", "class1", "class2"]
    assert all(row["id"].startswith(row["label"]) for row in rows.iter_rows(named=True))
    assert {split: len(ids) for split in ("train", "test") for ids in [rows.filter(pl.col("split") == split)]} == {
        split: sum(len(names) for _, _, names in ordered_batches(tiny / "prepared", split, 50)) for split in ("train", "test")
    }
    write_table(tmp_path / "predictions.parquet", rows, PREDICTIONS)
    assert read_predictions(tmp_path / "predictions.parquet").equals(rows)


def test_the_batch_size_changes_no_verdict(tiny: Path, model: Path, params: Params) -> None:
    network = load_model(model)
    small, large = (
        pl.concat(predict(network, tiny / "prepared", params.evaluate.model_copy(update={"batch_size": size})))
        for size in (7, 256)
    )
    assert small["id"].equals(large["id"])
    assert np.allclose(small["loss"].to_numpy(), large["loss"].to_numpy(), atol=1e-4)


def test_rows_hold_confidence_and_loss_of_the_true_class() -> None:
    probabilities = np.array([[0.2, 0.8], [1.0, 0.0]], dtype=np.float32)
    rows = predictions_frame(["x", "y"], "test", np.array([0, 1]), probabilities, ["a", "b"])
    assert rows["predicted"].to_list() == ["b", "a"]
    assert np.allclose(rows["confidence"].to_numpy(), [0.8, 1.0])
    assert rows["loss"][0] == pytest.approx(-np.log(0.2), rel=1e-5)
    assert np.isfinite(rows["loss"][1])
    assert rows["probability_b"].to_list() == [pytest.approx(0.8), 0.0]


def test_a_missing_or_damaged_model_is_one_line(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"absent.keras is missing\. Run: dvc repro train"):
        load_model(tmp_path / "absent.keras")
    (tmp_path / "half.keras").write_bytes(model.read_bytes()[:2000])
    with pytest.raises(ArtifactError) as error:
        load_model(tmp_path / "half.keras")
    assert "half.keras cannot be loaded as a Keras model" in str(error.value)
    assert "\n" not in str(error.value)
