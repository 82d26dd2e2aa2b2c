import polars as pl
import pytest

from models.diagnose.shared_images import find_shared

IDS = [f"{number}.png" for number in range(6)]
SPLITS = ["train", "train", "validation", "validation", "test", "excluded"]


def shared(**columns: list[str | None]):  # type: ignore[no-untyped-def]
    table = {"group": [None] * 6, "digest": IDS, "cluster": IDS, **columns}
    manifest = pl.DataFrame(
        {"id": IDS, "group": table["group"], "digest": table["digest"]}, schema_overrides={"group": pl.String}
    )
    return find_shared(manifest, pl.DataFrame({"id": IDS, "split": SPLITS, "cluster": table["cluster"]}))


def test_splits_that_share_nothing_are_clean() -> None:
    found = shared()
    assert (found.images, found.held_out, found.ids) == (0, 3, ())


@pytest.mark.parametrize(
    ("column", "values", "counts"),
    [
        ("group", ["w1", None, "w1", None, None, None], (1, 0, 0)),
        ("digest", ["x", "b", "c", "d", "x", "f"], (0, 1, 0)),
        ("cluster", ["a", "x", "x", "d", "x", "f"], (0, 0, 1)),
    ],
)
def test_whatever_is_shared_is_counted(column: str, values: list[str | None], counts: tuple[int, int, int]) -> None:
    found = shared(**{column: values})
    assert (found.groups, found.pictures, found.clusters) == counts
    assert found.images == sum(
        1 for value, split in zip(values, SPLITS, strict=True) if value in ("w1", "x") and split in ("validation", "test")
    )


def test_what_is_excluded_from_the_data_set_shares_nothing() -> None:
    assert shared(digest=["x", "b", "c", "d", "e", "x"]).images == 0
    assert shared(digest=["x", "x", "c", "d", "e", "f"]).images == 0  # both in train
