"""In what two splits differ: two-sample tests on the facts of their images, their classes and their features.

Each is the test of Kolmogorov and Smirnov on one image of each cluster, since copies and images of one group say the same
twice. The level is divided by the number of tests (Bonferroni). A difference that is certain but small is none: the distance
between the two cumulative distributions must be at least 0.15.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import ks_2samp

from dataprep.config.base import SplitName
from models.evaluate.feature_table import FEATURE
from models.evaluate.image_facts import FACTS

LEAST = 0.15
AXES = 8
"""Components of the features that are tested, those with the most variance."""

_LEVEL = 0.01
_MOST = 5_000  # images of a split that are compared
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
    axes = [name for name in features.columns if name.startswith(FEATURE)][:AXES]
    table = rows.select("id", "split", "cluster").hstack(facts.drop("id")).hstack(features.select(axes))
    single = table.unique("cluster", keep="first", maintain_order=True) if table["cluster"].n_unique() < table.height else table
    parts = {name: single.filter(pl.col("split") == name).head(_MOST) for name in ("train", "validation", "test")}
    tests = len(_PAIRS) * (len(FACTS) + len(axes))
    found: list[Shift] = []
    for pair in _PAIRS:
        by_axis: list[Shift] = []
        for own in differences(parts[pair[0]], parts[pair[1]], [*FACTS, *axes]):
            p_value, is_axis = min(own.p_value * tests, 1.0), own.name in axes
            if p_value < _LEVEL and own.distance >= LEAST:
                name, medians = ("features", None) if is_axis else (own.name, own.medians)
                (by_axis if is_axis else found).append(Shift(name, pair, own.distance, p_value, medians))
        found += sorted(by_axis, key=lambda own: -own.distance)[:1]
    return sorted(found, key=lambda own: (-own.distance, own.fact))


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    """One column in two samples: the statistic of Kolmogorov and Smirnov, its p-value, not corrected, and both medians."""

    name: str
    distance: float
    p_value: float
    medians: tuple[float, float]


def differences(first: pl.DataFrame, second: pl.DataFrame, columns: Sequence[str]) -> list[ColumnDifference]:
    """Tests each column between two samples; one of which a sample has fewer than two values is left out."""
    found = []
    for name in columns:
        one, other = (part[name].drop_nulls().to_numpy() for part in (first, second))
        if min(len(one), len(other)) < 2:
            continue
        seen = ks_2samp(one, other)
        medians = (float(np.median(one)), float(np.median(other)))
        found.append(ColumnDifference(name, float(seen.statistic), float(seen.pvalue), medians))
    return found
