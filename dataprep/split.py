"""Deals images to train, validation and test so that nothing leaks.

What belongs together, the same group or the same pixels, forms a cluster, and a cluster is dealt whole. Clusters are taken
largest first, equal ones in a seeded random order that depends on their ids alone, and each goes where its classes lack
images most. A split that the paths give is kept; what is missing of the three is cut from train.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dataprep.artifacts import Document, TableFormat, read_table, write_table
from dataprep.config import SPLITS, SplitConfig, SplitName
from dataprep.errors import SplitError, first_five
from dataprep.rng import stable_hash

EXCLUDED = "excluded"
"""The split of images whose exact twins stand in a given validation or test split: used nowhere."""

SHOWN_CONFLICTS = 5

SPLIT = TableFormat(
    kind="split",
    version=1,
    columns={"id": pl.String(), "split": pl.String(), "cluster": pl.String()},
    stage="split",
)


class ClassCount(Document):
    """How many images of one class stand in each split."""

    class_name: str
    train: int
    validation: int
    test: int


class Leaks(Document):
    """Groups and pictures that stand in more than one split: 0 by construction, and counted all the same."""

    groups: int
    duplicates: int


class SplitMetrics(Document):
    """What the split stage reports."""

    format_version: Literal[1] = 1
    images: dict[str, int]
    shared: Leaks
    classes: list[ClassCount]
    num_label_conflicts: int
    label_conflicts: list[list[str]]

    def warnings(self) -> list[str]:
        """What a person should look at, as sentences."""
        gaps = [
            f"class {row.class_name!r} has no {split} images, so nothing is measured of it there"
            for row in self.classes
            for split, count in (("validation", row.validation), ("test", row.test))
            if count == 0
        ]
        conflicts = [f"the same picture has several labels: {first_five(ids)}" for ids in self.label_conflicts]
        more = self.num_label_conflicts - len(conflicts)
        excluded = self.images.get(EXCLUDED, 0)
        twins = f"{excluded:,} images are in no split, since the same pictures stand in a given validation or test split"
        return (
            ([twins] if excluded else []) + gaps + conflicts + ([f"{more:,} more pictures have several labels"] if more else [])
        )


def read_split(path: Path) -> pl.DataFrame:
    """Reads the split table: id, split, cluster."""
    return read_table(path, SPLIT)


def write_split(path: Path, split: pl.DataFrame) -> None:
    """Writes the split table."""
    write_table(path, split.select(list(SPLIT.columns)), SPLIT)


def split_images(images: pl.DataFrame, config: SplitConfig) -> pl.DataFrame:
    """Assigns each image to one split.

    Args:
        images: usable rows of the manifest (id, label, group, given_split, digest), in any order.
        config: fractions and seed.

    Returns:
        Columns id, split (train, validation, test or excluded) and cluster (the smallest id of the cluster), by id.

    Raises:
        SplitError: a class has fewer images, or fewer clusters, than there are splits to fill, or groups straddle given
            splits.
    """
    images = images.sort("id")
    clustered = images.with_columns(cluster=_clusters(images))
    given = set(images["given_split"].drop_nulls().unique())
    _check_given_groups(images, given)
    placed = _place_given(clustered, given)
    open_splits = [name for name in SPLITS if name == "train" or name not in given]
    dealt = placed.filter(pl.col("split").is_null())
    if not dealt.is_empty():
        fractions = dict(zip(SPLITS, config.fractions, strict=True))
        shares = {name: fractions[name] for name in open_splits}
        assigned = _deal(dealt, shares, config.seed)
        placed = placed.with_columns(pl.coalesce("split", pl.col("cluster").replace_strict(assigned, default=None)))
    _check_filled(placed)
    return placed.select("id", "split", "cluster")


def measure_split(images: pl.DataFrame, split: pl.DataFrame) -> SplitMetrics:
    """Counts images per class and split, and what the splits share.

    Args:
        images: usable rows of the manifest.
        split: from `split_images`.
    """
    joined = images.join(split, on="id")
    dealt = joined.filter(pl.col("split") != EXCLUDED)
    counts = {(row[0], row[1]): row[2] for row in dealt.group_by("label", "split").len().rows()}
    totals = Counter(joined["split"].to_list())
    twins = images.sort("id").group_by("digest", maintain_order=True).agg("id", pl.col("label").n_unique().alias("labels"))
    conflicts = twins.filter(pl.col("labels") > 1)["id"].to_list()
    return SplitMetrics(
        images={name: totals[name] for name in (*SPLITS, EXCLUDED) if name in totals or name != EXCLUDED},
        shared=Leaks(groups=_num_straddling(dealt, "group"), duplicates=_num_straddling(dealt, "digest")),
        classes=[
            ClassCount(class_name=label, **{name: counts.get((label, name), 0) for name in SPLITS})
            for label in sorted(images["label"].unique())
        ],
        num_label_conflicts=len(conflicts),
        label_conflicts=conflicts[:SHOWN_CONFLICTS],
    )


def _clusters(images: pl.DataFrame) -> pl.Series:
    """The smallest id of each row's connected component under same group and same pixels; rows are sorted by id."""
    num_images = images.height
    rows = np.arange(num_images)
    edges_from, edges_to = [], []
    numbered = images.with_row_index("row")
    for key in ("group", "digest"):
        first = pl.when(pl.col(key).is_null()).then("row").otherwise(pl.col("row").min().over(key))
        edges_from.append(rows)
        edges_to.append(numbered.select(first).to_series().to_numpy())
    pairs = (np.concatenate(edges_from), np.concatenate(edges_to))
    graph = coo_array((np.ones(len(pairs[0]), dtype=np.int8), pairs), shape=(num_images, num_images))
    _, component = connected_components(graph, directed=False)
    _, first_row = np.unique(component, return_index=True)
    return images["id"].gather(first_row[component])


def _check_given_groups(images: pl.DataFrame, given: set[str]) -> None:
    if not given:
        return
    straddling = (
        images.drop_nulls(["group", "given_split"])
        .group_by("group")
        .agg(pl.col("given_split").n_unique().alias("splits"))
        .filter(pl.col("splits") > 1)["group"]
        .sort()
    )
    if len(straddling):
        raise SplitError(
            f"params.yaml: ingest.pattern gives both {{group}} and {{split}}, and groups must not straddle the given splits; "
            f"{first_five(straddling)} do. Drop {{split}} to split anew by group, or drop {{group}}"
        )


def _place_given(clustered: pl.DataFrame, given: set[str]) -> pl.DataFrame:
    """Adds `split`: as given for validation and test; excluded for train twins of those; null for what is to be dealt."""
    held_out = pl.col("given_split").is_in(["validation", "test"])
    if "train" not in given and given:
        # Rows without a given split do not exist beside rows with one: a pattern gives it to all or to none.
        raise SplitError(
            f"params.yaml: the {{split}} of ingest.pattern must give train images; it gives only {first_five(sorted(given))}. "
            "Add a train folder or drop {split}"
        )
    # Twins only, not whole clusters: groups do not straddle given splits, so one shared picture condemns no group.
    # Test is the rarer promise: a twin in both held-out splits stays in test and leaves validation.
    guarded = clustered.with_columns(
        pl.when((pl.col("given_split") == "test").any().over("digest"))
        .then(pl.lit("test"))
        .when(held_out.any().over("digest"))
        .then(pl.lit("validation"))
        .alias("guard")
    )
    return guarded.with_columns(
        pl.when(pl.col("guard").is_null())
        .then(pl.lit(None, dtype=pl.String))
        .when(pl.col("guard") == pl.col("given_split"))
        .then("guard")
        .otherwise(pl.lit(EXCLUDED))
        .alias("split")
    ).drop("guard")


def _deal(images: pl.DataFrame, shares: Mapping[SplitName, float], seed: int) -> dict[str, SplitName]:
    """Assigns each cluster to a split; returns cluster -> split."""
    names = list(shares)
    labels = sorted(images["label"].unique())
    wanted = np.stack([_quota(images, label, shares) for label in labels])  # (num_classes, num_splits)
    class_of = {label: index for index, label in enumerate(labels)}
    members: dict[str, Counter[int]] = {}
    for cluster, label in images.select("cluster", "label").iter_rows():
        members.setdefault(cluster, Counter())[class_of[label]] += 1
    order = sorted(members, key=lambda cluster: (-members[cluster].total(), stable_hash(seed, "split", cluster)))
    missing = wanted.astype(np.float64)
    empty = np.ones(wanted.shape, dtype=bool)
    undealt = Counter(index for cluster in members for index in members[cluster])
    assigned: dict[str, SplitName] = {}
    for cluster in order:
        classes = list(members[cluster])
        counts = np.array([members[cluster][index] for index in classes])
        # What the splits still lack of these classes, as a part of what they were to get: the neediest takes the cluster.
        need = (missing[classes] / wanted[classes] * counts[:, np.newaxis]).sum(axis=0)
        # Where a class has no more clusters left than splits without it, those splits come first.
        scarce = [index for index in classes if undealt[index] <= empty[index].sum()]
        chosen = int(np.lexsort((need, empty[scarce].sum(axis=0)))[-1])
        missing[classes, chosen] -= counts
        empty[classes, chosen] = False
        undealt.subtract(classes)
        assigned[cluster] = names[chosen]
    return assigned


def _quota(images: pl.DataFrame, label: str, shares: Mapping[SplitName, float]) -> NDArray[np.int64]:
    """How many images of a class each split is to get: largest remainders, at least one each."""
    own = images.filter(pl.col("label") == label)
    num_images, num_clusters = own.height, own["cluster"].n_unique()
    if num_clusters < len(shares):
        held = f"{num_images:,} images" + (f" that form {num_clusters:,} clusters" if num_clusters < num_images else "")
        raise SplitError(
            f"class {label!r} must have at least one image for each of {', '.join(shares)}; it has {held}, for example "
            f"{first_five(own['id'].head(2))}. A cluster (same group or "
            "same picture) stays together. Add images of other groups, or take the class out of ingest.source"
        )
    exact = np.array(list(shares.values())) / sum(shares.values()) * num_images
    quota = np.maximum(np.floor(exact), 1).astype(np.int64)
    by_remainder = np.argsort(quota - exact, kind="stable")
    for index in by_remainder[: max(num_images - quota.sum(), 0)]:
        quota[index] += 1
    while quota.sum() > num_images:  # the floor of one image took too many
        quota[np.argmax(quota)] -= 1
    return quota


def _check_filled(placed: pl.DataFrame) -> None:
    filled = set(placed["split"].unique())
    lacking = [name for name in SPLITS if name not in filled]
    if lacking:
        raise SplitError(
            f"each of {', '.join(SPLITS)} must have images; {first_five(lacking)} has none. Add images, or drop {{split}} from "
            "ingest.pattern to split anew"
        )
    taught = placed.filter(pl.col("split") == "train")["label"].unique()
    untaught = placed.filter(~pl.col("label").is_in(taught.implode()))["label"].unique().sort()
    if len(untaught):
        raise SplitError(
            f"every class must have train images; {first_five(untaught)} has none. Add images or groups of that class, or "
            "take it out of ingest.source"
        )


def _num_straddling(dealt: pl.DataFrame, key: str) -> int:
    return dealt.drop_nulls(key).group_by(key).agg(pl.col("split").n_unique()).filter(pl.col("split") > 1).height
