import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dataprep.core.errors import ArtifactError
from models.evaluate.class_gaussians import fit_gaussians
from models.evaluate.feature_table import Projection, feature_frame
from models.evaluate.reference import Reference, encode_reference, make_reference, read_reference, sha256_of
from models.evaluate.unlike import Unlike
from models.evaluate.usual_facts import NAMES, quantiles_of, usual_facts
from tests.models.made_up import CLASSES, predictions

ROWS = predictions({"train": (1.0, 60), "validation": (0.9, 30), "test": (0.9, 30)}).sort("id")


def made(*, features: int = 2) -> Reference:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(ROWS.height, features)).astype(np.float32)
    projection = Projection(np.zeros(4, np.float32), np.ones((4, features), np.float32)) if features else None
    figures = rng.uniform(1, 2, (60, len(NAMES)))
    gaussians = fit_gaussians(rng.normal(size=(60, 5)).astype(np.float32), np.arange(60) % 3, 3) if features else None
    unlike = Unlike(usual_facts(figures, quantiles_of(figures), 0.0), gaussians, 3.0 if features else np.inf, 0.01)
    frame = feature_frame(ROWS["id"].to_list(), values)
    return make_reference(ROWS.drop("cluster"), frame, projection, unlike, ROWS.select("id", "cluster"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model.keras").write_bytes(b"weights")
    return tmp_path / "model.keras"


def written(model: Path, reference: Reference) -> Path:
    path = model.with_name("reference.npz")
    path.write_bytes(encode_reference(model, reference))
    return path


@pytest.mark.parametrize("features", [2, 0])
def test_what_is_written_is_read(features: int, model: Path) -> None:
    reference = made(features=features)
    read = read_reference(written(model, reference), model, CLASSES)
    assert encode_reference(model, read) == encode_reference(model, reference)
    assert read.ids == ROWS.filter(pl.col("split") == "train")["id"].to_list()
    assert read.features.shape == (60, features)
    assert (read.unlike.gaussians is None) == (features == 0)


def changed(path: Path, **arrays: object) -> None:
    with np.load(path, allow_pickle=False) as held:
        found = {name: held[name] for name in held.files}
    buffer = io.BytesIO()
    kept = {name: value for name, value in {**found, **arrays}.items() if value is not None}
    np.savez(buffer, **kept)
    path.write_bytes(buffer.getvalue())


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"format_version": np.array(1)}, "must have the format version 2; it has 1"),
        ({"model_sha256": np.array("0" * 64)}, "must be of the model"),
        ({"model_sha256": None}, "must be of the model"),
        ({"labels": None}, "cannot be read (KeyError"),
        ({"labels": np.full(60, 7)}, "labels must be numbers of classes"),
        ({"deep_whitening": np.zeros((3, 2, 2), np.float32)}, "deep_whitening must be of shape (3, 5, 5)"),
        ({"fact_low": np.array(["a"])}, "fact_low must be of shape (10,)"),
        ({"class_names": np.array(["a", "b", "x"])}, "its classes or figures are others"),
        ({"ids": np.array([{}], dtype=object)}, "cannot be read (ValueError"),
    ],
)
def test_a_reference_that_does_not_belong_is_one_line(arrays: dict[str, object], message: str, model: Path) -> None:
    path = written(model, made())
    changed(path, **arrays)
    with pytest.raises(ArtifactError, match=re.escape(message)) as raised:
        read_reference(path, model, CLASSES)
    assert str(raised.value).endswith(". Run: dvc repro evaluate")
    assert "\n" not in str(raised.value)


def test_a_missing_or_cut_reference_is_one_line(model: Path) -> None:
    with pytest.raises(ArtifactError, match=r"reference\.npz is missing"):
        read_reference(model.with_name("reference.npz"), model, CLASSES)
    path = written(model, made())
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_reference(path, model, CLASSES)
    assert len(sha256_of(model)) == 64


def test_the_same_run_makes_the_same_bytes(model: Path) -> None:
    assert encode_reference(model, made()) == encode_reference(model, made())
    other = replace(made(), temperature=2.0)
    assert encode_reference(model, other) != encode_reference(model, made())
