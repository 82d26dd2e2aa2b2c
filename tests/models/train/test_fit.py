import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import polars as pl
import pytest

from dataprep.config.augment import AugmentConfig
from dataprep.core.errors import TrainError
from dataprep.feed.batches import find_train_set
from dataprep.store.shards import ShardIndex, read_index
from dataprep.store.statistics import read_statistics
from models.config.model import ModelConfig, NormaliseConfig
from models.config.train import EarlyStoppingConfig, TrainConfig
from models.evaluate.predict import load_model, predict
from models.evaluate.robustness import measure_robustness
from models.train import tf_datasets as inputs
from models.train.compiled_network import averaging_momentum, compile_network
from models.train.early_stopping import best_epoch
from models.train.fit import fit
from models.train.model_bytes import encode_model
from models.train.model_file import recipe_of
from models.train.objectives import exact_match
from pipelines.parameters.params import Params
from tests.dataprep.augment.augmenting import config_with
from tests.models.conftest import adam, stopping
from tests.models.made_up import split_of


def index_of(tiny: Path) -> ShardIndex:
    return read_index(tiny / "prepared", stage="prepare")


def train(
    tiny: Path,
    model: ModelConfig,
    config: TrainConfig,
    params: Params,
    path: Path,
    *,
    augment: AugmentConfig | None = None,
    workers: int = 0,
) -> pl.DataFrame:
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    index = index_of(tiny)
    network = compile_network(
        model, config, train_set, read_statistics(tiny / "statistics.json", index), augment=params.augment
    )
    history = fit(
        network,
        train_set,
        prepared=tiny / "prepared",
        config=config,
        augment=augment or params.augment,
        workers=workers,
        callbacks=[],
    )
    path.write_bytes(encode_model(network, recipe=recipe_of(index)))
    return history


def validation_loss(tiny: Path, path: Path, params: Params) -> float:
    rows = pl.concat(seen.predictions for seen in predict(load_model(path, index_of(tiny)), tiny / "prepared", params.evaluate))
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


@pytest.mark.parametrize(
    ("batch_size", "learning_rate"),
    [(32, 0.002), (256, 0.01), (71, 0.002)],  # few steps; one step an epoch; a remainder that would be a batch of one image
)
def test_few_steps_leave_a_model_that_knows_its_train_images(
    tiny: Path, params: Params, tmp_path: Path, batch_size: int, learning_rate: float
) -> None:
    config = params.train.model_copy(update={"batch_size": batch_size, "optimizer": adam(learning_rate), "epochs": 4})
    train(tiny, params.model, config, params, tmp_path / "model.keras")
    network = load_model(tmp_path / "model.keras", read_index(tiny / "prepared", stage="prepare"))
    rows = pl.concat(seen.predictions for seen in predict(network, tiny / "prepared", params.evaluate))
    own = rows.filter(pl.col("split") == "train")
    assert own.height == 72
    assert (own["label"] == own["predicted"]).mean() > 0.98  # type: ignore[operator]  # polars types a mean loosely


def test_workers_beside_the_training_step_change_no_byte(
    tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path: Path
) -> None:
    brief = short.model_copy(update={"epochs": 2})
    for workers in (0, 2):
        train(tiny, small, brief, params, tmp_path / f"{workers}.keras", workers=workers)
    assert (tmp_path / "0.keras").read_bytes() == (tmp_path / "2.keras").read_bytes()


def test_superposed_classes_are_recognised_by_a_sigmoid_head(
    tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path: Path
) -> None:
    augment = config_with(superpose={"num_images": 2})
    longer = short.model_copy(update={"epochs": 25, "early_stopping": stopping(25)})
    history = train(
        tiny, small.model_copy(update={"head": "sigmoid"}), longer, params, tmp_path / "model.keras", augment=augment
    )
    assert history["val_accuracy"].max() > 0.8  # type: ignore[operator]  # polars types a maximum loosely
    network = load_model(tmp_path / "model.keras", index_of(tiny))
    measured = measure_robustness(
        network.predict_on_batch, tiny / "prepared", split_of(tiny / "prepared"), augment, params.evaluate, threshold=0.5
    )
    assert {split: mixtures.exact_match > 0.7 for split, mixtures in measured.superposed.items()} == {
        "validation": True,
        "test": True,
    }
    assert keras.models.load_model(tmp_path / "model.keras", safe_mode=True).output_shape == (None, 3)


def test_more_classes_in_a_mixture_than_there_are_is_one_line(
    tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path: Path
) -> None:
    augment = config_with(superpose={"num_images": 4})
    with pytest.raises(TrainError, match=r"num_images must be at most the number of classes, 3; got 4\. Lower it$"):
        train(tiny, small.model_copy(update={"head": "sigmoid"}), short, params, tmp_path / "model.keras", augment=augment)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_what_goes_wrong_while_batches_are_made_is_raised_as_it_is(
    tiny: Path,
    small: ModelConfig,
    short: TrainConfig,
    params: Params,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    split: str,
) -> None:
    def fail(*_: object, **__: object) -> Iterator[object]:
        yield from map(int, "a")  # what goes wrong does so in the thread that feeds

    monkeypatch.setattr(inputs, "train_batches" if split == "train" else "ordered_batches", fail)
    with pytest.raises(ValueError, match=r"^invalid literal for int\(\) with base 10: 'a'$"):
        train(tiny, small, short, params, tmp_path / "model.keras")


def test_steps_of_an_epoch_are_those_of_the_balanced_images(
    tiny: Path, small: ModelConfig, short: TrainConfig, params: Params
) -> None:
    train_set = replace(find_train_set(tiny / "prepared", tiny / "augmented"), class_counts=[24, 2, 2])
    statistics = read_statistics(tiny / "statistics.json", index_of(tiny))
    for balance, steps in (("none", 4), ("oversample", 9)):  # of 28 and 72 images, 8 at a time
        augment = params.augment.model_copy(update={"balance": balance})
        network = compile_network(small, short, train_set, statistics, augment=augment)
        averages = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
        assert {layer.momentum for layer in averages} == {averaging_momentum(steps)}


def test_exact_match_wants_all_classes_and_none_besides() -> None:
    targets = np.array([[1, 1, 0], [1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=np.float32)
    probabilities = np.array([[0.9, 0.6, 0.2], [0.9, 0.4, 0.2], [0.9, 0.9, 0.9], [0.1, 0.2, 0.8]], dtype=np.float32)
    assert np.asarray(exact_match(targets, probabilities, 0.5)).tolist() == [1, 0, 0, 1]


def test_exact_match_accepts_a_class_above_its_threshold() -> None:
    targets, probabilities = np.array([[1, 1, 0]], dtype=np.float32), np.array([[0.9, 0.4, 0.2]], dtype=np.float32)
    found = [float(exact_match(targets, probabilities, threshold)[0]) for threshold in (0.1, 0.3, 0.5)]
    assert found == [0, 1, 0]


@pytest.mark.parametrize("method", ["scale", "log", "none"])
def test_each_normalisation_is_saved_as_the_same_bytes(
    tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, method: str
) -> None:
    config = small.model_copy(update={"normalise": NormaliseConfig.model_validate({"method": method})})
    train_set, statistics = (
        find_train_set(tiny / "prepared", tiny / "augmented"),
        read_statistics(tiny / "statistics.json", index_of(tiny)),
    )
    networks = (compile_network(config, short, train_set, statistics, augment=params.augment) for _ in range(2))
    saved = [encode_model(network, recipe={}) for network in networks]
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
    wild = short.model_copy(update={"optimizer": adam(3.0), "epochs": 30, "early_stopping": stopping(2)})
    history = train(tiny, small, wild, params, tmp_path / "model.keras")
    losses = history["val_loss"].to_list()
    assert len(losses) < 30
    assert losses.index(min(losses)) == len(losses) - 3
    assert validation_loss(tiny, tmp_path / "model.keras", params) == pytest.approx(min(losses), rel=1e-3)


def test_a_loss_that_is_no_number_stops_at_its_step(
    tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path: Path
) -> None:
    wild = short.model_copy(update={"optimizer": adam(1.0).model_copy(update={"learning_rate": 1e38})})
    network = small.network.model_copy(update={"batch_normalisation": False, "dropout": 0.0})
    plain = small.model_copy(update={"network": network})
    with pytest.raises(TrainError) as stopped:
        train(tiny, plain, wild, params, tmp_path / "model.keras")
    assert str(stopped.value) == (
        "train: the loss must be a number; at step 2 of epoch 1 it was none. The likely cause is that steps were too large. "
        "Lower train.optimizer.learning_rate (1e+38)"
    )


def test_no_epoch_begins_for_which_there_is_no_time(
    tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path: Path
) -> None:
    hurried = short.model_copy(update={"max_minutes": 1e-6})
    assert train(tiny, small, hurried, params, tmp_path / "model.keras").height == 1


def test_another_metric_chooses_another_epoch(
    tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path: Path
) -> None:
    of_train = EarlyStoppingConfig(metric="loss", patience=1, min_change=10.0)
    history = train(tiny, small, short.model_copy(update={"early_stopping": of_train}), params, tmp_path / "model.keras")
    assert history.height == 2  # no epoch gains as much
    assert best_epoch(of_train, history)["loss"] == min(history["loss"].to_list())


@pytest.mark.parametrize("batch_size", [1, 10_000])
def test_a_batch_may_have_one_image_or_all(
    tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path: Path, batch_size: int
) -> None:
    network = small.network.model_copy(update={"batch_normalisation": False})
    model = small.model_copy(update={"network": network})
    brief = short.model_copy(update={"epochs": 1, "batch_size": batch_size})
    assert train(tiny, model, brief, params, tmp_path / "model.keras").height == 1


def test_the_file_says_what_was_done_and_when_never(
    tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path: Path
) -> None:
    train(tiny, small, short.model_copy(update={"epochs": 1}), params, tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        metadata = json.loads(file.read("metadata.json"))
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert metadata["darkroom"] == recipe_of(index_of(tiny))
    assert metadata["darkroom"]["class_names"] == ["class0", "class1", "class2"]
    assert "date_saved" not in metadata
