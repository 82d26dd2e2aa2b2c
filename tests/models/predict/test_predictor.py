import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import polars as pl
import pytest

from dataprep.core.errors import ArtifactError
from dataprep.store.shards import read_index
from models.config.model import ModelConfig
from models.config.train import TrainConfig
from models.evaluate.predict import load_model, predict
from models.predict.predictor import Predictor
from models.train.keras_environment import keras_settings_kept
from models.train.model_bytes import encode_model
from models.train.model_file import recipe_of
from models.train.probability_columns import PROBABILITY
from pipelines.parameters.params import Params
from tests.models.made_up import split_of
from tests.models.made_up_reference import reference_bytes
from tests.models.untrained_model import write_untrained


@pytest.fixture(scope="module")
def model(tiny: Path, small: ModelConfig, short: TrainConfig, params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_untrained(tmp_path_factory.mktemp("model") / "model.keras", tiny, small, short, params)


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


def test_keras_settings_of_the_program_stay_and_change_no_answer(model: Path, files: list[Path]) -> None:
    expected = np.stack([own.probabilities for own in Predictor.load(model).predict(files[:8])])
    config = keras.config
    with keras_settings_kept():
        config.set_floatx("float16")
        config.set_dtype_policy("mixed_bfloat16")
        config.set_epsilon(0.25)
        config.set_image_data_format("channels_first")
        config.set_max_epochs(3)
        predictor = Predictor.load(model)
        found = np.stack([own.probabilities for own in predictor.predict(files[:8])])
        maps = predictor.saliency(np.zeros((1, *predictor.shape), np.uint8))
        settings = (
            config.floatx(),
            config.dtype_policy().name,
            config.epsilon(),
            config.image_data_format(),
            config.max_epochs(),
        )
    assert settings == ("float16", "mixed_bfloat16", 0.25, "channels_first", 3)
    assert np.abs(found - expected).max() <= 1e-6
    assert maps is not None
    assert (config.floatx(), config.image_data_format()) == ("float32", "channels_last")


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


def test_a_model_with_code_is_refused_and_the_code_is_not_run(tiny: Path, model: Path, tmp_path: Path) -> None:
    index = read_index(tiny / "prepared", stage="prepare")
    code = keras.layers.Lambda(lambda x: __import__("os").environ.setdefault("STRANGE", "ran") and x, output_shape=(8, 8, 1))
    image = keras.Input((8, 8, 1), dtype="uint8")
    x = keras.layers.Flatten()(code(keras.layers.Rescaling(1 / 255)(image)))
    network = keras.Model(image, keras.layers.Dense(len(index.class_names), activation="softmax")(x))
    network.compile(optimizer="adam", loss="categorical_crossentropy")
    path = tmp_path / "lambda.keras"
    path.write_bytes(encode_model(network, recipe=recipe_of(index)))
    network(np.zeros((1, 8, 8, 1), np.uint8))
    assert os.environ.pop("STRANGE") == "ran"  # it does what it is made for
    with pytest.raises(ArtifactError, match="cannot be loaded as a Keras model") as raised:
        Predictor.load(path)
    assert "\n" not in str(raised.value)
    assert "STRANGE" not in os.environ


def test_what_is_unlike_is_said_and_not_accepted(
    tiny: Path, model: Path, files: list[Path], params: Params, tmp_path: Path
) -> None:
    prepared = tiny / "prepared"
    sizes = split_of(prepared).select("id").with_columns(width=pl.lit(12), height=pl.lit(12))
    path = tmp_path / "reference.npz"
    path.write_bytes(reference_bytes(model, prepared, sizes, params))
    predictor = Predictor.load(model, reference=path, precision=0.2)
    assert predictor.note is None
    usual = predictor.predict(files)
    assert sum(bool(own.unlike) for own in usual) <= 0.25 * len(usual)
    first = usual[0]
    assert [neighbour.class_name for neighbour in predictor.nearest(first, 3)]
    assert [own.distance for own in predictor.nearest(first, 3)] == sorted(own.distance for own in predictor.nearest(first, 3))
    [noise] = predictor.predict([np.random.default_rng(0).integers(0, 256, (12, 12), dtype=np.uint8)])
    assert noise.unlike
    assert noise.accepted is False
    without = Predictor.load(model)
    assert without.note is not None
    assert "reference.npz is missing" in without.note
    assert without.predict(files[:1])[0].unlike is None
