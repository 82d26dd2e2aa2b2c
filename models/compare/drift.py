"""Whether the images that are new since the last version look like those before.

Two questions. As a sample: do their facts and features have another distribution (test of Kolmogorov and Smirnov, corrected by
Holm)? One by one: how many does the published model call unlike its training images, as it does when it predicts?

Facts and features of new and known images are those of one model, since two models have two spaces of features: of the
published one, on known images that it was not trained on, since it has seen none of the new ones either; where it cannot look
at images of today, of today's model.
"""

import polars as pl

from dataprep.core.artifacts import Count, Document, Fraction
from models.diagnose.shifts import AXES, LEAST, differences
from models.diagnose.significance import holm
from models.evaluate.feature_table import FEATURE
from models.evaluate.image_facts import FACTS

LEVEL = 0.01

_MOST = 5_000  # new images, and known ones, that are compared


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
    looked_at: Count  # of the new images, one by one; none where the published model cannot
    shifts: list[Shifted]  # the largest first

    @property
    def is_certain(self) -> bool:
        return bool(self.shifts)

    @property
    def unlike_fraction(self) -> float | None:
        """Of the new images; None where the published model has looked at none."""
        return self.unlike / self.looked_at if self.looked_at else None

    @property
    def headline(self) -> str:
        """Of a drift that is certain, for example `drift: 60 new images differ in brightness`."""
        return f"drift: {self._subject('differ')} in {', '.join(own.fact for own in self.shifts)}"

    @property
    def in_words(self) -> str:
        """One or two sentences."""
        if not self.new:
            return "No image is new."
        share = (
            f"{self.unlike:,} of {self.looked_at:,} are unlike the training images of the published model."
            if self.looked_at
            else "the published model cannot look at them one by one."
        )
        if not self.shifts:
            return f"{self._subject('look')} like those before; {share}"
        return f"Drift: {self._subject('differ')} in {', '.join(own.in_words for own in self.shifts)}; {share}"

    def _subject(self, verb: str) -> str:
        return f"1 new image {verb}s" if self.new == 1 else f"{self.new:,} new images {verb}"


def find_drift(rows: pl.DataFrame, facts: pl.DataFrame, features: pl.DataFrame, new_ids: pl.Series) -> Drift:
    """Compares the new images with the others.

    Args:
        rows: of images of today: id, cluster, and unlike, which is null where the published model has not looked.
        facts: of the same images.
        features: of the same images; no columns where the network has none.
        new_ids: which images are new, also those that are not among these. Where all are, there is nothing to compare with.
    """
    axes = [name for name in features.columns if name.startswith(FEATURE)]
    table = rows.select("id", "cluster").hstack(facts.select(FACTS)).hstack(features.select(axes))
    is_new = pl.col("id").is_in(new_ids.implode())
    new, known = table.filter(is_new), table.filter(~is_new)
    looks = rows.filter(is_new)["unlike"].drop_nulls()
    shifts = [] if new.is_empty() or known.is_empty() else _shifts(new, known, axes)
    return Drift(new=len(new_ids), unlike=int(looks.sum()), looked_at=len(looks), shifts=shifts)


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
