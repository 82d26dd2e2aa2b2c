import hashlib
import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.evaluate.feature_table import Projection, feature_frame
from models.evaluate.image_facts import FACTS, IMAGE_FACTS
from models.evaluate.reference import encode_reference, nearest
from tests.models.made_up import predictions

ROWS = predictions({"train": (1.0, 60), "validation": (0.9, 30), "test": (0.9, 30)}).sort("id")


def encoded(folder: Path, *, features: int = 2) -> bytes:
    (folder / "model.keras").write_bytes(b"weights")
    rng = np.random.default_rng(0)
    values = rng.normal(size=(ROWS.height, features)).astype(np.float32)
    columns = {name: np.linspace(1, 2, ROWS.height).astype(np.float32) for name in FACTS[:-1]}
    facts = pl.DataFrame({"id": ROWS["id"], **columns, "stroke_width": [None] * ROWS.height}, schema=IMAGE_FACTS.columns)
    projection = Projection(np.zeros(4, np.float32), np.ones((4, features), np.float32)) if features else None
    return encode_reference(folder / "model.keras", ROWS, facts, feature_frame(ROWS["id"].to_list(), values), projection)


def test_it_holds_the_train_images_and_is_bound_to_the_model(tmp_path: Path) -> None:
    with np.load(io.BytesIO(encoded(tmp_path)), allow_pickle=False) as held:
        assert str(held["model_sha256"]) == hashlib.sha256(b"weights").hexdigest()
        assert held["ids"].tolist() == ROWS.filter(pl.col("split") == "train")["id"].to_list()
        assert held["features"].shape == (60, 2)
        assert held["fact_quantiles"].shape == (len(FACTS), 101)
        assert np.isnan(held["fact_quantiles"][-1]).all()
        assert (np.diff(held["distances"]) >= 0).all()
        assert [str(name) for name in held["class_names"]] == ["a", "b", "c"]


def test_it_is_the_same_bytes_twice_and_needs_no_features(tmp_path: Path) -> None:
    assert encoded(tmp_path) == encoded(tmp_path)
    with np.load(io.BytesIO(encoded(tmp_path, features=0)), allow_pickle=False) as held:
        assert held["features"].shape == (60, 0)
        assert np.isnan(held["distances"]).all()


def test_the_nearest_row_is_found_in_any_block() -> None:
    known = np.array([[0, 0], [3, 4]], np.float32)
    numbers, distances = nearest(np.array([[0, 0], [3, 3], [0, 1]] * 500, np.float32), known)
    assert numbers.tolist() == [0, 1, 0] * 500
    assert distances[:3] == pytest.approx([0, 1, 1])
