import numpy as np
import polars as pl
import pytest

from models.diagnose.slices import Slice, find_slices
from models.evaluate.feature_table import feature_frame
from models.evaluate.image_facts import FACTS, IMAGE_FACTS
from tests.models.made_up import answers

COUNT = 400
RNG = np.random.default_rng(0)


def planted(
    wrong: np.ndarray, *, writers: int = 8, features: np.ndarray | None = None, facts: dict[str, np.ndarray] | None = None
) -> list[Slice]:
    """Predictions on validation of which some are wrong, and the facts, features and manifest of their images."""
    true = ["a", "b"] * (COUNT // 2)
    seen = [("b" if label == "a" else "a") if bad else label for label, bad in zip(true, wrong, strict=True)]
    rows = pl.concat([answers(true, seen, "validation"), answers(["a", "b"] * 20, ["a", "b"] * 20, "test")]).sort("id")
    count = rows.height
    usual = {name: RNG.random(count).astype(np.float32) for name in FACTS}
    held = {name: np.concatenate([np.full(40, 0.5, np.float32), values]) for name, values in (facts or {}).items()}
    measured = pl.DataFrame({"id": rows["id"], **usual, **held}, schema=IMAGE_FACTS.columns)
    own = np.zeros((COUNT, 2), np.float32) if features is None else features
    reduced = feature_frame(rows["id"].to_list(), np.concatenate([np.zeros((40, 2), np.float32), own]))
    numbers = [int(name.removesuffix(".png")[-4:]) for name in rows["id"]]
    manifest = pl.DataFrame({"id": rows["id"], "group": [f"w{number % writers}" for number in numbers]})
    return find_slices(rows, measured, reduced, manifest, seed=0)


def test_a_writer_who_is_read_worse_is_the_first_slice() -> None:
    wrong = (np.arange(COUNT) % 8 == 3) & (RNG.random(COUNT) < 0.4)
    found = planted(wrong)
    assert found[0].name == "group 'w3'"
    assert found[0].is_certain
    assert found[0].seen.images == COUNT // 8
    assert found[0].explained == pytest.approx(wrong.sum() / COUNT, abs=1e-9)
    assert len(found[0].ids) == 6
    assert not any(own.is_certain for own in found if own.kind == "group" and own.name != "group 'w3'")


def test_thin_strokes_that_are_read_worse_are_a_slice() -> None:
    width = RNG.random(COUNT).astype(np.float32)
    found = planted(width < np.quantile(width, 0.1), facts={"stroke_width": width})
    assert found[0].name.startswith("stroke width at most 0.")
    assert found[0].split == "validation"
    assert found[0].is_certain


def test_look_alikes_that_are_read_worse_are_a_slice() -> None:
    centres = RNG.integers(0, 5, COUNT)
    features = (np.column_stack([10 * centres, centres % 2]) + RNG.normal(0, 0.1, (COUNT, 2))).astype(np.float32)
    found = planted((centres == 2) & (RNG.random(COUNT) < 0.5), features=features)
    assert found[0].kind == "features"
    assert found[0].is_certain


def test_mistakes_that_are_spread_evenly_are_no_slice() -> None:
    alarms = [any(own.is_certain for own in planted(np.random.default_rng(seed).random(COUNT) < 0.1)) for seed in range(20)]
    assert sum(alarms) <= 2  # 5% of 20 are expected
