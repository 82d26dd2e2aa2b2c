import polars as pl
import pytest

from models.diagnose import correct_examples, diagnose, mistakes_by_cell, worst_mistakes
from models.metrics import measure
from pipelines.params import Params
from tests.models.made_up import predictions


@pytest.mark.parametrize(
    ("train", "validation", "test", "finding", "words"),
    [
        (0.90, 0.895, 0.89, "high_bias", "too weak for its own train images"),
        (1.00, 0.93, 0.93, "high_variance", "knows its train images better"),
        (0.99, 0.98, 0.90, "validation_test_mismatch", "test does not keep"),
        (1.00, 0.995, 0.90, "validation_test_mismatch", "test does not keep"),
        (1.00, 0.995, 0.99, "on_target", "reaches what was asked"),
        (0.992, 0.986, 0.986, "within_chance", "may be chance"),
    ],
)
def test_the_largest_part_of_the_error_is_the_verdict(
    params: Params, train: float, validation: float, test: float, finding: str, words: str
) -> None:
    metrics = measure(predictions({"train": (train, 4000), "validation": (validation, 1000), "test": (test, 1000)}))
    judged = diagnose(metrics, params.diagnose, None)
    assert judged.finding == finding
    assert words in judged.headline
    assert f"{1 - validation:.1%} on validation" in judged.evidence


def test_small_splits_accuse_nobody(params: Params) -> None:
    metrics = measure(predictions({"train": (1.0, 300), "validation": (0.95, 20), "test": (0.95, 20)}))
    assert diagnose(metrics, params.diagnose, None).finding == "within_chance"


def test_three_wrong_of_37_miss_a_target_of_one_percent(params: Params) -> None:
    metrics = measure(predictions({"train": (1.0, 109), "validation": (34 / 37, 37), "test": (34 / 37, 37)}))
    judged = diagnose(metrics, params.diagnose, None)
    assert judged.finding == "high_variance"
    assert judged.parts[1].p_value == pytest.approx(0.0153, abs=1e-3)  # Fisher's exact test of 3 of 37 against 0 of 109


def test_a_certain_miss_with_uncertain_parts_names_the_larger_part(params: Params) -> None:
    missed = (1 - 14 / 600, 600)
    metrics = measure(predictions({"train": (1 - 8 / 600, 600), "validation": missed, "test": missed}))
    judged = diagnose(metrics, params.diagnose, None)
    assert not any(part.counts for part in judged.parts)
    assert judged.finding == "high_variance"


def test_the_parts_add_up_to_the_test_error(params: Params) -> None:
    metrics = measure(predictions({"train": (0.97, 1000), "validation": (0.93, 500), "test": (0.9, 500)}))
    judged = diagnose(metrics, params.diagnose, None)
    assert sum(part.size for part in judged.parts) == pytest.approx(metrics.test.error - 0.01)


ROWS = predictions({"train": (0.5, 60), "validation": (0.8, 60), "test": (0.9, 60)})


def test_the_worst_mistakes_are_the_least_probable_truths() -> None:
    worst = worst_mistakes(ROWS, "validation", 5)
    assert worst.height == 5
    assert (worst["label"] != worst["predicted"]).all()
    assert worst["split"].unique().to_list() == ["validation"]
    wrong = ROWS.filter((pl.col("split") == "validation") & (pl.col("label") != pl.col("predicted")))
    assert worst["loss"].to_list() == sorted(wrong["loss"].to_list(), reverse=True)[:5]


def test_each_cell_keeps_its_worst() -> None:
    cells = mistakes_by_cell(ROWS, "validation", 2)
    wrong = ROWS.filter((pl.col("split") == "validation") & (pl.col("label") != pl.col("predicted")))
    expected = {(row[0], row[1]): min(row[2], 2) for row in wrong.group_by("label", "predicted").len().rows()}
    assert {(row[0], row[1]): row[2] for row in cells.group_by("label", "predicted").len().rows()} == expected
    assert set(expected.values()) == {1, 2}
    assert worst_mistakes(ROWS, "validation", 1)["id"][0] in cells["id"].to_list()


def test_of_each_class_the_surest_the_median_and_the_least_sure_are_shown() -> None:
    shown = correct_examples(ROWS, "validation", 3)
    for name in "abc":
        right = ROWS.filter((pl.col("split") == "validation") & (pl.col("label") == name) & (pl.col("predicted") == name)).sort(
            "loss"
        )
        ids = right["id"].to_list()
        assert shown.filter(pl.col("label") == name)["id"].to_list() == [ids[0], ids[round((len(ids) - 1) / 2)], ids[-1]]
