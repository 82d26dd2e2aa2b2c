"""Whether the images that are new since the last version look like those before.

Two questions. As a sample: do their facts and features have another distribution (test of Kolmogorov and Smirnov, corrected by
Holm)? One by one: how many are unlike every image that was there? Such a one has a fact beyond all known values, or it lies
farther from the nearest known train image, by its features, than 99% of the known validation images.

Facts and features are those of today's model for both, since two models have two spaces of features.
"""

import numpy as np
import polars as pl

from dataprep.core.artifacts import Count, Document, Fraction
from models.diagnose.shifts import AXES, LEAST, differences
from models.diagnose.significance import holm
from models.evaluate.feature_table import FEATURE, Floats, matrix, nearest
from models.evaluate.image_facts import FACTS
from models.evaluate.reference import NEIGHBOURS

LEVEL = 0.01

_MOST = 5_000  # new images, and known ones, that are looked at
_FAR = 0.99  # quantile of the distances of known validation images


class Shifted(Document):
    """One fact, or the features, in which new images differ."""

    fact: str
    distance: Fraction  # of the distributions, 0 (the same) to 1 (no value in common)
    p_value: Fraction  # corrected for the number of tests
    medians: tuple[float, float] | None  # known and new; null for features

    @property
    def in_words(self) -> str:
        medians = f", median {self.medians[0]:.3g} before and {self.medians[1]:.3g} now" if self.medians else ""
        return f"{self.fact} (distance {self.distance:.2f}, p = {self.p_value:.2g}{medians})"


class Drift(Document):
    """What is said of the new images."""

    new: Count
    unlike: Count
    looked_at: Count  # of the new images, one by one
    shifts: list[Shifted]  # the largest first

    @property
    def is_certain(self) -> bool:
        return bool(self.shifts)

    @property
    def unlike_fraction(self) -> float | None:
        """Of the new images; None where there are none."""
        return self.unlike / self.looked_at if self.looked_at else None

    @property
    def headline(self) -> str:
        """Of a drift that is certain, for example `drift: 60 new images differ in brightness`."""
        return f"drift: {self.new:,} new images differ in {', '.join(own.fact for own in self.shifts)}"

    @property
    def in_words(self) -> str:
        """One or two sentences."""
        if not self.new:
            return "No image is new."
        share = f"{self.unlike:,} of {self.looked_at:,} are unlike each of the others."
        if not self.shifts:
            return f"{self.new:,} new images look like those before; {share}"
        return f"Drift: {self.new:,} new images differ in {', '.join(own.in_words for own in self.shifts)}; {share}"


def find_drift(rows: pl.DataFrame, facts: pl.DataFrame, features: pl.DataFrame, new_ids: pl.Series) -> Drift:
    """Compares the new images with the others.

    Args:
        rows: of today's images: id, split, cluster.
        facts: of the same images.
        features: of the same images; no columns where the network has none.
        new_ids: which of them are new. Where all are, there is nothing to compare with.
    """
    axes = [name for name in features.columns if name.startswith(FEATURE)]
    table = rows.select("id", "split", "cluster").hstack(facts.drop("id")).hstack(features.select(axes))
    is_new = pl.col("id").is_in(new_ids.implode())
    new, known = table.filter(is_new), table.filter(~is_new)
    if new.is_empty() or known.is_empty():
        return Drift(new=new.height, unlike=0, looked_at=0, shifts=[])
    looked_at = new.head(_MOST)
    unlike = _beyond_known_facts(looked_at, known) | _far_from_known(looked_at, known, axes)
    shifts = _shifts(new, known, axes)
    return Drift(new=new.height, unlike=int(unlike.sum()), looked_at=looked_at.height, shifts=shifts)


def _shifts(new: pl.DataFrame, known: pl.DataFrame, axes: list[str]) -> list[Shifted]:
    """On one image of each cluster, since copies and images of one group say the same twice."""
    before, now = (part.unique("cluster", keep="first", maintain_order=True).head(_MOST) for part in (known, new))
    found = differences(before, now, [*FACTS, *axes[:AXES]])
    corrected = holm([own.p_value for own in found])
    certain = [
        Shifted(
            fact="features" if own.name in axes else own.name,
            distance=own.distance,
            p_value=p_value,
            medians=None if own.name in axes else own.medians,
        )
        for own, p_value in zip(found, corrected, strict=True)
        if p_value < LEVEL and own.distance >= LEAST
    ]
    by_distance = sorted(certain, key=lambda own: (-own.distance, own.fact))
    return list({own.fact: own for own in reversed(by_distance)}.values())[::-1]  # of all components the largest alone


def _beyond_known_facts(new: pl.DataFrame, known: pl.DataFrame) -> np.ndarray:
    """(N,) whether a fact lies below or above that of every known image."""
    beyond = np.zeros(new.height, bool)
    for name in FACTS:
        values = known[name].drop_nulls().to_numpy()
        if len(values):
            own = new[name].cast(pl.Float64).to_numpy()
            beyond |= (own < values.min()) | (own > values.max())  # a missing one compares as false
    return beyond


def _far_from_known(new: pl.DataFrame, known: pl.DataFrame, axes: list[str]) -> np.ndarray:
    """(N,) whether the nearest known train image is farther away than that of 99% of the known validation images."""
    train, validation, own = (
        _features(part, axes)
        for part in (known.filter(pl.col("split") == "train"), known.filter(pl.col("split") == "validation"), new)
    )
    if not axes or not len(train) or not len(validation):
        return np.zeros(new.height, bool)
    far = np.quantile(nearest(validation, train)[1].astype(np.float64), _FAR)
    found: np.ndarray = nearest(own, train)[1] > far
    return found


def _features(rows: pl.DataFrame, axes: list[str]) -> Floats:
    return matrix(rows.select("id", *axes).head(NEIGHBOURS))
