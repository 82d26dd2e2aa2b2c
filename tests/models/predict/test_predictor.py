from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dataprep.feed.batches import find_train_set
from dataprep.store.shards import read_index
from dataprep.store.statistics import read_statistics
from models.config.model import ModelConfig
from models.config.train import TrainConfig
from models.evaluate.predict import load_model, predict
from models.evaluate.predictions import PROBABILITY
from models.predict.predictor import Predictor
from models.train.compiled_network import compile_network
from models.train.model_bytes import encode_model
from models.train.model_file import recipe_of
from pipelines.params import Params


@pytest.fixture(scope="module")
def model(tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.keras"
    index = read_index(tiny / "prepared", stage="prepare")
    train_set = find_train_set(tiny / "prepared", tiny / "augmented")
    network = compile_network(small, short, train_set, read_statistics(tiny / "statistics.json", index), augment=params.augment)
    path.write_bytes(encode_model(network, recipe=recipe_of(index)))
    return path


@pytest.fixture(scope="module")
def files(tiny: Path) -> list[Path]:
    return sorted((tiny / "raw").rglob("*.png"))


def test_raw_files_give_what_evaluate_gives(tiny: Path, model: Path, files: list[Path], params: Params) -> None:
    index = read_index(tiny / "prepared", stage="prepare")
    rows = pl.concat(seen.predictions for seen in predict(load_model(model, index), tiny / "prepared", params.evaluate)).sort(
        "id"
    )
    found = Predictor.load(model, batch_size=50).predict(files)
    assert [str(Path(own.name).relative_to(tiny / "raw")) for own in found] == rows["id"].to_list()
    expected = rows.select(pl.col(f"^{PROBABILITY}.*$")).to_numpy()
    assert np.abs(np.stack([own.probabilities for own in found]) - expected).max() <= 1e-6
    assert [own.class_name for own in found] == rows["predicted"].to_list()
    assert [own.confidence for own in found] == pytest.approx(rows["confidence"].to_list(), abs=1e-6)


def test_one_bad_image_among_many_is_refused_alone(model: Path, files: list[Path]) -> None:
    found = Predictor.load(model, batch_size=2).predict([files[0], b"no image", files[1]], names=["x", "y", "z"])
    assert [own.name for own in found] == ["x", "y", "z"]
    assert [own.refused is None for own in found] == [True, False, True]
    refused = found[1]
    assert refused.refused is not None
    assert refused.refused.reason == "not_an_image"
    assert (refused.class_name, refused.confidence, refused.top) == (None, None, ())


def test_threads_get_the_same_answers(model: Path, files: list[Path]) -> None:
    predictor = Predictor.load(model)
    alone = [own.class_name for own in predictor.predict(files[:16])]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda file: predictor.predict([file])[0].class_name, files[:16]))
    assert found == alone


def test_the_top_is_sorted_and_saliency_has_a_map_for_each_image(model: Path, files: list[Path]) -> None:
    predictor = Predictor.load(model)
    found = predictor.predict(files[:3])
    for own in found:
        probabilities = [answer.probability for answer in own.top]
        assert probabilities == sorted(probabilities, reverse=True)
        assert {answer.class_name for answer in own.top} == set(predictor.class_names)
    maps = predictor.saliency(np.stack([own.pixels for own in found if own.pixels is not None]))
    assert maps is not None
    assert len(maps) == 3
