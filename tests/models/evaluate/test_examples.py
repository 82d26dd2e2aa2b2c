import polars as pl

from models.evaluate.examples import correct_examples, mistakes_by_cell, opened_examples, worst_mistakes
from tests.models.made_up import predictions

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


def test_examples_are_opened_each_once_and_of_every_kind_the_worst_first() -> None:
    ids = opened_examples(ROWS, "validation", worst_images=3, images_per_cell=2)
    assert len(ids) == len(set(ids))
    worst = worst_mistakes(ROWS, "validation", 3)["id"].to_list()
    assert ids[:3] == worst
    cells = mistakes_by_cell(ROWS, "validation", 2)
    first = cells.group_by("label", "predicted", maintain_order=True).first()["id"].to_list()
    rest = [image_id for image_id in ids if image_id not in worst]
    ahead = [image_id for image_id in first if image_id not in worst]
    assert rest[: len(ahead)] == ahead
    assert set(ids) == {*worst, *cells["id"], *correct_examples(ROWS, "validation")["id"]}
