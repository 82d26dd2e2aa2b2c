"""New images that look like those before, and some that do not."""

import numpy as np
import polars as pl

from models.compare.drift import Drift, find_drift
from models.evaluate.image_facts import IMAGE_FACTS

COUNT = 400


def images(new: int, *, brightness: float = 100.0, moved: float = 0.0, seed: int = 0) -> tuple[pl.DataFrame, ...]:
    """400 known images and some new ones of another brightness, whose features are moved."""
    rng = np.random.default_rng(seed)
    total = COUNT + new
    is_new = np.arange(total) >= COUNT
    ids = [f"{number:05d}" for number in range(total)]
    unlike = [None if number % 2 else bool(number >= COUNT and brightness > 150) for number in range(total)]
    rows = pl.DataFrame({"id": ids, "cluster": ids, "unlike": unlike}, schema_overrides={"unlike": pl.Boolean})
    drawn = rng.normal(0, 1, (total, 7))
    facts = pl.DataFrame(
        {
            "id": ids,
            "brightness": np.where(is_new, brightness, 100.0) + 10 * drawn[:, 0],
            "contrast": 50 + drawn[:, 1],
            "sharpness": 5 + drawn[:, 2],
            "ink_fraction": 0.2 + 0.01 * drawn[:, 3],
            "stroke_width": [None] * total,
        },
        schema=IMAGE_FACTS.columns,
    )
    features = pl.DataFrame({"id": ids, "feature_000": drawn[:, 4] + moved * is_new, "feature_001": drawn[:, 5]}).cast(
        {"feature_000": pl.Float32, "feature_001": pl.Float32}
    )
    return rows, facts, features, rows.filter(pl.Series(is_new))["id"].to_frame()


def drift_of(tables: tuple[pl.DataFrame, ...]) -> Drift:
    rows, facts, features, new = tables
    return find_drift(rows, facts, features, new["id"])


def test_images_of_the_same_kind_are_no_drift() -> None:
    for seed in range(20):
        found = drift_of(images(100, seed=seed))
        assert not found.is_certain
    assert found.in_words.startswith("100 new images look like those before; ")


def test_inverted_images_are_drift_and_each_is_unlike() -> None:
    found = drift_of(images(30, brightness=200.0))
    assert [own.fact for own in found.shifts] == ["brightness"]
    assert (found.unlike, found.looked_at) == (15, 15)  # of the others the published model has said nothing
    assert found.unlike_fraction == 1.0
    assert found.in_words.endswith("; 15 of 15 are unlike the training images of the published model.")
    assert found.in_words.startswith("Drift: 30 new images differ in brightness (distance 1.00, p = ")
    assert "median 99.3 before and 199 now" in found.in_words


def test_what_only_the_network_sees_is_drift_in_features() -> None:
    found = drift_of(images(60, moved=6.0))
    assert [own.fact for own in found.shifts] == ["features"]


def test_one_new_group_is_one_sample() -> None:
    rows, facts, features, new = images(60, brightness=200.0)
    rows = rows.with_columns(cluster=pl.when(pl.col("id").is_in(new["id"].implode())).then(pl.lit("writer")).otherwise("id"))
    found = drift_of((rows, facts, features, new))
    assert not found.is_certain
    assert found.unlike == 30  # one by one they are counted all the same


def test_no_new_image_and_no_known_one_are_nothing_to_compare() -> None:
    rows, facts, features, _ = images(0)
    assert drift_of((rows, facts, features, rows.head(0).select("id"))).in_words == "No image is new."
    everything = drift_of((rows, facts, features, rows.select("id")))
    assert (everything.new, everything.is_certain) == (COUNT, False)


def test_where_the_published_model_cannot_look_it_is_said() -> None:
    rows, facts, features, new = images(30)
    found = drift_of((rows.with_columns(unlike=pl.lit(None, pl.Boolean)), facts, features, new))
    assert found.unlike_fraction is None
    assert found.in_words == "30 new images look like those before; the published model cannot look at them one by one."


def test_a_network_without_features_is_judged_by_facts() -> None:
    rows, facts, features, new = images(30, brightness=200.0)
    assert drift_of((rows, facts, features.select("id"), new)).is_certain
