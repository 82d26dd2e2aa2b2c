"""Slices: parts of a split whose images have something in common, and in which the network errs more often than in the rest.

A slice is a group, an origin, a file format, a tenth of the images with the lowest or highest value of a fact, or a cluster of
features (images that look alike to the network). Clusters are found without looking at the errors, so the test on them holds.
Each is compared with the rest of its split by Fisher's exact test; the p-values are corrected by Holm's method.

Source: S. Eyuboglu et al., Domino: Discovering Systematic Errors with Cross-Modal Embeddings, 2022, for clusters of features.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy.cluster.vq import kmeans2

from dataprep.config.base import SplitName
from dataprep.core.rng import rng_for
from models.diagnose.metrics import Accuracy, accuracy_of
from models.diagnose.significance import RARE, chance_worse, holm
from models.evaluate.feature_table import matrix
from models.evaluate.image_facts import FACTS

FEWEST = 10
"""Images of a slice."""
TAIL = 0.1
"""Part of the images with the lowest, or the highest, value of a fact."""
MOST_CLUSTERS = 20
_PER_CLUSTER = 40  # images, on average
_LARGEST = 0.5  # a larger part of a split is no slice
_ITERATIONS = 30
_SHOWN = 6
_CATEGORIES = ("group", "origin", "format")
_SIDES = ("width", "height")  # of the files, in pixels
_UNITS = {"brightness": "of 255", "contrast": "of 255", "sharpness": "", "ink_fraction": "", "stroke_width": "px"}


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of a split.

    Attributes:
        name: what its images have in common.
        kind: group | origin | format | a fact | features.
        split: whose images.
        seen: the accuracy in it.
        others: the accuracy on the rest of the split.
        p_value: probability that chance alone makes it so much worse, corrected for the number of slices.
        ids: of its worst mistakes.
    """

    name: str
    kind: str
    split: SplitName
    seen: Accuracy
    others: Accuracy
    p_value: float
    ids: tuple[str, ...]

    @property
    def is_certain(self) -> bool:
        return self.p_value < RARE

    @property
    def explained(self) -> float:
        """What the accuracy of the whole split would gain if the slice were as good as the rest, as a fraction of images."""
        whole = self.seen.images + self.others.images
        return max(self.seen.error - self.others.error, 0.0) * self.seen.images / whole


def find_slices(
    rows: pl.DataFrame, facts: pl.DataFrame, features: pl.DataFrame, manifest: pl.DataFrame, *, seed: int
) -> list[Slice]:
    """Compares every slice of validation and of test with the rest, the most certain first.

    Args:
        rows: predictions with their clusters.
        facts: of the same images, in the same order.
        features: likewise.
        manifest: of all images; group, origin, format, width and height are read.
        seed: of the clusters of features.
    """
    columns = [name for name in (*_CATEGORIES, *_SIDES) if name in manifest.columns]
    table = rows.hstack(facts.drop("id")).join(manifest.select("id", *columns), on="id", how="left", maintain_order="left")
    table = table.with_columns(right=pl.col("label") == pl.col("predicted"))
    splits: tuple[SplitName, ...] = ("validation", "test")
    found: list[Slice] = []
    for split in splits:
        chosen = (table["split"] == split).to_numpy()
        own, reduced = table.filter(pl.Series(chosen)), matrix(features)[chosen]
        for kind, name, inside in _candidates(own, reduced, seed):
            if slice_ := _compare(kind, name, split, own, inside):
                found.append(slice_)
    return _corrected(found)


def _candidates(own: pl.DataFrame, features: np.ndarray, seed: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """Kind, name and mask (N,) of what may be a slice of a split."""
    for column in _CATEGORIES:
        if column in own.columns and own[column].n_unique() > 1:
            for value in own[column].drop_nulls().unique().sort():
                yield column, f"{column} {value!r}", (own[column] == value).fill_null(value=False).to_numpy()
    for fact in (*FACTS, *_SIDES):
        if fact in own.columns and own[fact].drop_nulls().n_unique() > 1:
            values = own[fact].cast(pl.Float64).fill_null(float("nan")).to_numpy()
            low, high = np.nanquantile(values, [TAIL, 1 - TAIL])
            unit = _UNITS.get(fact, "px")
            words = ("file " if fact in _SIDES else "") + fact.replace("_", " ")
            yield fact, f"{words} at most {low:.3g} {unit}".strip(), values <= low
            yield fact, f"{words} at least {high:.3g} {unit}".strip(), values >= high
    for number, inside in enumerate(_clusters(features, seed), 1):
        labels = own.filter(pl.Series(inside))["label"].value_counts(sort=True)
        most = labels.sort(["count", "label"], descending=[True, False])["label"][0]
        yield "features", f"look-alikes {number}, most of class {most!r}", inside


def _clusters(features: np.ndarray, seed: int) -> list[np.ndarray]:
    """Masks of images whose features are alike."""
    count = min(len(features) // _PER_CLUSTER, MOST_CLUSTERS)
    if count < 2 or not features.shape[1] or len(np.unique(features, axis=0)) < count:
        return []
    start = rng_for(seed, "slices")
    _, numbers = kmeans2(features.astype(np.float64), count, iter=_ITERATIONS, minit="++", seed=start, missing="warn")
    return [numbers == number for number in range(count)]


def _compare(kind: str, name: str, split: SplitName, own: pl.DataFrame, inside: np.ndarray) -> Slice | None:
    if not FEWEST <= inside.sum() <= _LARGEST * len(inside):
        return None
    # A group is one cluster: what is asked is whether the network errs on this very group, so its images are what is drawn.
    units = own.with_columns(cluster="id") if kind in _CATEGORIES else own
    part, rest = units.filter(pl.Series(inside)), units.filter(pl.Series(~inside))
    seen, others = accuracy_of(part), accuracy_of(rest)
    worst = part.filter(~pl.col("right")).sort(["loss", "id"], descending=[True, False])["id"].head(_SHOWN)
    return Slice(name, kind, split, seen, others, chance_worse(seen, others), tuple(worst))


def _corrected(slices: list[Slice]) -> list[Slice]:
    ordered = sorted(slices, key=lambda own: (own.p_value, own.split, own.name))
    p_values = holm([own.p_value for own in ordered])
    return [replace(own, p_value=p_value) for own, p_value in zip(ordered, p_values, strict=True)]
