"""The published model looks at prepared images, and calls those unlike that prediction calls so from their files."""

from pathlib import Path

import polars as pl
import pytest

from dataprep.core.artifacts import check_table
from dataprep.store.shards import read_index
from models.compare.looks_table import LOOKS, MOST, wanted_images
from models.compare.published_looks import look_at
from models.config.model import ModelConfig
from models.config.train import TrainConfig
from models.evaluate.image_facts import measure_facts
from models.evaluate.predict import load_model
from models.evaluate.reference import read_reference
from models.predict.predictor import Predictor
from pipelines.parameters.params import Params
from tests.models.made_up import split_of
from tests.models.made_up_reference import reference_bytes
from tests.models.untrained_model import write_untrained

SIDE = 12  # of the files of the tiny data set, in pixels


@pytest.fixture(scope="module")
def model(tiny: Path, mlp: ModelConfig, short: TrainConfig, params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with reference.npz beside it."""
    path = write_untrained(tmp_path_factory.mktemp("published") / "model.keras", tiny, mlp, short, params)
    prepared, split = tiny / "prepared", split_of(tiny / "prepared")
    path.with_name("reference.npz").write_bytes(reference_bytes(path, prepared, sizes_of(split), params))
    return path


def sizes_of(split: pl.DataFrame) -> pl.DataFrame:
    return split.select("id", width=pl.lit(SIDE), height=pl.lit(SIDE))


def test_it_says_what_prediction_says_of_the_same_images(tiny: Path, model: Path) -> None:
    split, index = split_of(tiny / "prepared"), read_index(tiny / "prepared", stage="prepare")
    found = look_at(
        load_model(model, index),
        index.class_names,
        read_reference(model.with_name("reference.npz"), model, index.class_names),
        prepared=tiny / "prepared",
        sizes=sizes_of(split),
        wanted=split.select("id", sampled=pl.lit(value=True)),
        batch_size=50,
    )
    check_table(Path("looks.parquet"), found, LOOKS)
    files = [tiny / "raw" / name for name in found["id"]]
    predicted = Predictor.load(model).predict(files)
    assert found["predicted"].to_list() == [own.class_name for own in predicted]
    assert found["unlike"].to_list() == [bool(own.unlike) for own in predicted]
    assert 0 < found["unlike"].sum() < found.height
    pixels = [own.pixels for own in predicted if own.pixels is not None]
    facts = pl.concat(measure_facts(own[None], [name]) for own, name in zip(pixels, found["id"], strict=True))
    assert found.select(facts.columns).equals(facts)


def test_of_an_image_that_is_not_sampled_the_class_alone_is_said(tiny: Path, model: Path) -> None:
    split, index = split_of(tiny / "prepared"), read_index(tiny / "prepared", stage="prepare")
    wanted = split.sort("id").head(7).select("id", sampled=pl.int_range(7) == 3)
    found = look_at(
        load_model(model, index),
        index.class_names,
        None,
        prepared=tiny / "prepared",
        sizes=sizes_of(split),
        wanted=wanted,
        batch_size=4,
    )
    check_table(Path("looks.parquet"), found, LOOKS)
    assert found["id"].to_list() == wanted["id"].to_list()
    assert found["brightness"].is_not_null().to_list() == wanted["sampled"].to_list()
    assert found["unlike"].null_count() == 7  # there is no reference


def test_new_images_are_compared_with_held_out_ones_that_the_published_model_has_not_seen() -> None:
    split = pl.DataFrame(
        {"id": list("abcdef"), "split": ["train", "train", "validation", "test", "test", "validation"]}, schema_overrides={}
    )
    wanted = wanted_images(split, pl.Series("id", ["b", "f"]), pl.Series("id", ["a", "d"]))
    assert wanted.rows() == [("b", True), ("c", True), ("d", False), ("e", True), ("f", True)]  # a is known train


def test_of_many_images_a_sample_is_looked_at() -> None:
    ids = [f"{number:05d}" for number in range(2 * MOST)]
    split = pl.DataFrame({"id": ids, "split": ["train"] * len(ids)})
    wanted = wanted_images(split, split["id"], split["id"].clear())
    assert wanted.height == MOST
    assert wanted["id"].to_list() != ids[:MOST]
