from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dataprep.core.errors import ArtifactError
from models.diagnose.external_predictions import read_external_predictions

TABLE = pl.DataFrame(
    {
        "path": ["b.png", "a.png", "c/d.png", "e.png"],
        "split": ["val", "train", "test", "Test"],
        "label": ["007", "7", "7", "007"],
        "group": ["w1", None, "w1", None],
        "probability_7": [0.25, 0.5, 0.0, 1.0],
        "probability_007": [0.75, 0.5, 1.0, 0.0],
        "note": [1, 2, 3, 4],
    }
)


def written(folder: Path, table: pl.DataFrame, ending: str = "parquet") -> Path:
    path = folder / f"theirs.{ending}"
    (table.write_parquet if ending == "parquet" else table.write_csv)(path)
    return path


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_table_becomes_the_table_of_predictions(ending: str, tmp_path: Path) -> None:
    rows = read_external_predictions(written(tmp_path, TABLE, ending))
    assert rows.select("id", "path", "split", "label", "predicted", "group", "cluster").rows() == [
        ("a.png", "a.png", "train", "7", "007", None, "image a.png"),
        ("b.png", "b.png", "validation", "007", "007", "w1", "group w1"),
        ("c/d.png", "c/d.png", "test", "7", "007", "w1", "group w1"),
        ("e.png", "e.png", "test", "007", "7", None, "image e.png"),
    ]
    assert rows["confidence"].to_list() == [0.5, 0.75, 1.0, 1.0]
    np.testing.assert_allclose(rows["loss"][:2], -np.log([0.5, 0.75]), rtol=1e-6)
    assert rows["loss"].is_finite().all()
    assert [name for name in rows.columns if name.startswith("probability_")] == ["probability_007", "probability_7"]


def test_without_splits_and_groups_all_is_validation_and_each_image_counts(tmp_path: Path) -> None:
    rows = read_external_predictions(written(tmp_path, TABLE.drop("split", "group")))
    assert set(rows["split"]) == {"validation"}
    assert rows["cluster"].n_unique() == 4


def test_numbers_may_be_labels_and_names_that_cannot_be_printed_are_escaped(tmp_path: Path) -> None:
    table = pl.DataFrame({"path": ["a\n.png"], "label": [1], "probability_1": [0.4], "probability_\x1b": [0.6]})
    row = read_external_predictions(written(tmp_path, table)).row(0, named=True)
    assert row["label"] == "1"
    assert row["path"] == "a\n.png"
    assert all(row[name].isprintable() for name in ("id", "predicted", "cluster"))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (TABLE.drop("path", "label"), "lacks the columns 'path', 'label'; it has 'split', 'group'"),
        (TABLE.drop("probability_7"), "must have a column probability_<class> for each class, of two at least; it has 'path'"),
        (TABLE.clear(), "must have a row for each image; it has none"),
        (
            TABLE.with_columns(label=pl.lit("8")),
            "row 1: label must have a column probability_<label>; got '8', and so in 3 more",
        ),
        (TABLE.with_columns(label=pl.lit(None)), "row 1: label must have a column probability_<label>; got None"),
        (TABLE.with_columns(path=pl.lit("a")), "row 2: path must be there once; got 'a', and so in 2 more"),
        (TABLE.with_columns(path=pl.lit("../a")), "row 1: path must be relative to the folder of the images, with slashes"),
        (TABLE.with_columns(path=pl.lit("/a")), "row 1: path must be relative"),
        (TABLE.with_columns(split=pl.lit("dve")), "row 1: split must be one of train, validation, test; got 'dve'"),
        (
            TABLE.with_columns(probability_7=-3.5),
            "row 1: probabilities must be numbers from 0 to 1; got 0.75, -3.5, and so",
        ),
        (TABLE.with_columns(probability_7=float("nan")), "row 1: probabilities must be numbers from 0 to 1; got 0.75, nan"),
        (TABLE.with_columns(probability_7=pl.lit("x")), "row 1: probabilities must be numbers from 0 to 1; got 0.75, 'x'"),
    ],
)
def test_a_table_that_cannot_be_is_one_line(table: pl.DataFrame, message: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as refused:
        read_external_predictions(written(tmp_path, table))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_table_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "theirs.parquet").write_bytes(b"PAR1")
    (tmp_path / "theirs.xlsx").touch()
    for name, message in (("theirs.parquet", "cannot be read"), ("no.csv", "No such"), ("theirs.xlsx", "must end in .parquet")):
        with pytest.raises(ArtifactError, match=message):
            read_external_predictions(tmp_path / name)
