"""In what two splits differ: two-sample tests on the facts of their images, their classes and their features.

Each is the test of Kolmogorov and Smirnov on one image of each cluster, since copies and images of one group say the same
twice. The level is divided by the number of tests (Bonferroni). A difference that is certain but small is none: the distance
between the two cumulative distributions must be at least 0.15.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import ks_2samp

from dataprep.config.base import SplitName
from models.evaluate.feature_table import FEATURE
from models.evaluate.image_facts import FACTS

LEAST = 0.15
_LEVEL = 0.01
_MOST = 5_000  # images of a split that are compared
_FEATURES = 8  # components, those with the most variance
_PAIRS: tuple[tuple[SplitName, SplitName], ...] = (("validation", "test"), ("train", "test"), ("train", "validation"))


@dataclass(frozen=True, slots=True)
class Shift:
    """One difference between two splits.

    Attributes:
        fact: a fact of images, or "features".
        splits: the two.
        distance: 0 (the same) to 1 (no value in common).
        p_value: times the number of tests.
        medians: of the two; none of features.
    """

    fact: str
    splits: tuple[SplitName, SplitName]
    distance: float
    p_value: float
    medians: tuple[float, float] | None


def find_shifts(rows: pl.DataFrame, facts: pl.DataFrame, features: pl.DataFrame) -> list[Shift]:
    """Tests each fact between each two splits; the certain differences, the largest first.

    Args:
        rows: predictions with their clusters; id, split and cluster are read.
        facts: of the same images.
        features: of the same images.
    """
    axes = [name for name in features.columns if name.startswith(FEATURE)][:_FEATURES]
    table = rows.select("id", "split", "cluster").hstack(facts.drop("id")).hstack(features.select(axes))
    single = table.unique("cluster", keep="first", maintain_order=True) if table["cluster"].n_unique() < table.height else table
    parts = {name: single.filter(pl.col("split") == name).head(_MOST) for name in ("train", "validation", "test")}
    tests = len(_PAIRS) * (len(FACTS) + len(axes))
    found: list[Shift] = []
    for pair in _PAIRS:
        by_axis: list[Shift] = []
        for name in (*FACTS, *axes):
            first, second = (parts[split][name].drop_nulls().to_numpy() for split in pair)
            if min(len(first), len(second)) < 2:
                continue
            seen = ks_2samp(first, second)
            medians = None if name in axes else (float(np.median(first)), float(np.median(second)))
            shift = Shift(
                "features" if name in axes else name, pair, float(seen.statistic), min(float(seen.pvalue) * tests, 1.0), medians
            )
            if shift.p_value < _LEVEL and shift.distance >= LEAST:
                (by_axis if name in axes else found).append(shift)
        found += sorted(by_axis, key=lambda own: -own.distance)[:1]
    return sorted(found, key=lambda own: (-own.distance, own.fact))
