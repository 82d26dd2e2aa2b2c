import polars as pl
import pytest

from models.diagnose.label_suspects import COLUMNS, find_suspects
from tests.models.diagnose.findings.test_label_suspects import network_with


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_wrong_labels_are_found_and_nothing_else(share: float) -> None:
    rows = network_with(share, sure=0.95)
    found = find_suspects(rows)
    assert found.columns == list(COLUMNS)
    assert set(found["id"]) == set(rows.filter(pl.col("label") != pl.col("predicted"))["id"])
    assert (found["suggested"] != found["label"]).all()


def test_the_most_certain_come_first() -> None:
    rows = network_with(0.1, sure=0.95)
    surer = rows.with_columns(
        pl.when(pl.col("id") == "test0003.png")
        .then(pl.lit(0.999, pl.Float32))
        .otherwise(pl.col("probability_a"))
        .alias("probability_a")
    )
    first = find_suspects(surer).row(0, named=True)
    assert (first["id"], first["label"], first["suggested"]) == ("test0003.png", "b", "a")
    assert first["suggested_likelihood"] == pytest.approx(0.999)


def test_a_class_without_images_that_were_not_trained_on_is_never_suggested() -> None:
    rows = network_with(0.1, sure=0.95)
    lacking = rows.filter((pl.col("split") == "train") | (pl.col("label") != "a"))
    assert "a" not in find_suspects(lacking)["suggested"]
    assert "a" in find_suspects(rows)["suggested"]


def test_folds_find_wrong_labels_that_the_network_learnt_by_heart() -> None:
    learnt, honest = (network_with(0.1, sure=0.95, by_heart=by_heart) for by_heart in (True, False))
    is_train = pl.col("split") == "train"
    folds = honest.filter(is_train).select("id", pl.col("^probability_.*$"))
    assert find_suspects(learnt).filter(is_train).is_empty()
    assert set(find_suspects(learnt, folds)["id"]) == set(find_suspects(honest)["id"])
    assert find_suspects(learnt, folds.clear()).equals(find_suspects(learnt))
