import numpy as np
import polars as pl

from models.diagnose.shifts import Shift, find_shifts
from models.evaluate.feature_table import feature_frame
from models.evaluate.image_facts import FACTS, IMAGE_FACTS
from tests.models.made_up import predictions

ROWS = predictions({"train": (1.0, 600), "validation": (1.0, 300), "test": (1.0, 300)}).sort("id")


def shifts(added: float = 0.0, feature: float = 0.0, rows: pl.DataFrame = ROWS, seed: int = 0) -> list[Shift]:
    """Of images that differ on test alone: brighter, or with another feature."""
    rng = np.random.default_rng(seed)
    is_test = (rows["split"] == "test").to_numpy()
    facts = {name: rng.normal(100, 10, rows.height).astype(np.float32) for name in FACTS}
    facts["brightness"] += (added * is_test).astype(np.float32)
    values = rng.normal(size=(rows.height, 2)).astype(np.float32) + np.column_stack([feature * is_test, 0 * is_test])
    return find_shifts(
        rows,
        pl.DataFrame({"id": rows["id"], **facts}, schema=IMAGE_FACTS.columns),
        feature_frame(rows["id"].to_list(), values.astype(np.float32)),
    )


def test_brighter_test_images_are_found_with_both_medians() -> None:
    found = shifts(added=20)
    assert {(own.fact, own.splits) for own in found} == {
        ("brightness", ("validation", "test")),
        ("brightness", ("train", "test")),
    }
    assert found[0].distance > 0.5
    first, second = found[0].medians or (0, 0)
    assert second - first > 15


def test_features_that_differ_are_one_difference() -> None:
    assert {own.fact for own in shifts(feature=2.0)} == {"features"}
    assert len(shifts(feature=2.0)) == 2


def test_equal_splits_do_not_differ() -> None:
    assert [found for seed in range(10) if (found := shifts(seed=seed))] == []


def test_copies_of_few_images_show_nothing() -> None:
    few = ROWS.with_columns(cluster=pl.col("split") + (pl.int_range(pl.len()) % 3).cast(pl.String))
    assert shifts(added=20, rows=few) == []
