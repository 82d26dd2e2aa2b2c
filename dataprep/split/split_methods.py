"""Assigns each image to train, validation or test, so that nothing leaks.

Images that share a group, a picture or a near duplicate never stand in two splits, whatever the method:

stratified   whole clusters are assigned, by class
hash         the hash of its group, or else of its pixels, places each image, whatever other images there are
given        each image stays where its path puts it; a split that no path names is cut from train

An image that is pinned stands in the split of its pin or in none. The fractions hold for the images that neither a pin nor a
given split places: an image pinned to train takes nothing away from validation and test. Images of origin `simulated` are
always pinned to train, so that validation and test stay real.
"""

from collections.abc import Callable, Sized

import numpy as np
import polars as pl

from dataprep.config.base import SPLITS, SplitName
from dataprep.config.split import SIMULATED, PinField, SplitConfig
from dataprep.core.connected_components import KEYS, cluster_sizes, find_clusters
from dataprep.core.errors import SplitError, first_five
from dataprep.core.rng import stable_hashes, uniforms_for
from dataprep.split.stratified_group_split import TooFewClusters, assign_clusters
from dataprep.store.split_table import EXCLUDED

_STRENGTH = {"train": 0, "validation": 1, "test": 2}
"""Where images of different splits belong together, those of the weaker split are withdrawn. Test images are the rarest."""

_PIN_ORDER: tuple[SplitName, ...] = ("train", "test", "validation")
"""Of contradictory pins the first holds: an image that is pinned to train must never be measured on."""


def split_images(images: pl.DataFrame, config: SplitConfig) -> pl.DataFrame:
    """Assigns each image to one split.

    Args:
        images: usable rows of the manifest (id, label, group, origin, given_split, digest, near_duplicate), in any order.
        config: method, fractions, pins and seed.

    Returns:
        Columns id, split (train, validation, test or excluded), cluster (the smallest id of the cluster) and rule, by id.

    Raises:
        SplitError: a class is too small to be assigned, a split or the train images of a class are missing, or groups
            straddle given splits.
    """
    images = images.sort("id")
    clusters = find_clusters(images)
    columns = ["id", "label", "given_split", *KEYS]
    clustered = images.select(*columns, _pinned(config).alias("pin"), pl.Series("cluster", clusters))
    placed = _METHODS[config.method](clustered, config)
    _check_filled(placed, config)
    return placed.select("id", "split", pl.col("id").gather("cluster").alias("cluster"), "rule")


def _stratify(images: pl.DataFrame, config: SplitConfig) -> pl.DataFrame:
    """Adds split and rule: clusters with a pinned member go there whole, the others are assigned.

    Where a cluster has contradictory pins, one holds (`_PIN_ORDER`) and the members pinned elsewhere are excluded.
    """
    strongest = pl.coalesce(
        *[pl.when((pl.col("pin") == name).any()).then(pl.lit(name)) for name in _PIN_ORDER], pl.lit(None, dtype=pl.String)
    )
    pins = images.drop_nulls("pin").group_by("cluster").agg(strongest.alias("cluster_pin"))
    pinned = images.join(pins, on="cluster", how="left", maintain_order="left").with_columns(
        split=pl.when(pl.col("pin").ne_missing(pl.col("cluster_pin")) & pl.col("pin").is_not_null())
        .then(pl.lit(EXCLUDED))
        .otherwise("cluster_pin"),
        rule=pl.when(pl.col("cluster_pin").is_not_null()).then(pl.lit("pin")),
    )
    return _assign_open(pinned, dict(zip(SPLITS, config.fractions, strict=True)), config.seed)


def _hash_each(images: pl.DataFrame, config: SplitConfig) -> pl.DataFrame:
    """Adds split and rule: each split is a part of [0, 1), and the hash is a number there. Then weaker images are withdrawn."""
    keys = images.select(pl.coalesce("group", "digest", "id")).to_series().to_list()
    draws = uniforms_for(stable_hashes(keys), config.seed, "split")
    ends = np.cumsum(config.fractions) / sum(config.fractions)
    own = pl.Series(np.array(SPLITS)[np.searchsorted(ends[:-1], draws, side="right")])
    return _withdraw_weaker(
        images.with_columns(
            split=pl.coalesce("pin", own), rule=pl.when(pl.col("pin").is_null()).then(pl.lit("hash")).otherwise(pl.lit("pin"))
        )
    )


def _keep_given(images: pl.DataFrame, config: SplitConfig) -> pl.DataFrame:
    """Adds split and rule: by pin or path. Then weaker images are withdrawn, and a split that is missing is cut from train."""
    given = images.filter(pl.col("pin").is_null())
    names = set(given["given_split"].drop_nulls().unique())
    _check_given(given, names)
    kept = _withdraw_weaker(
        images.with_columns(
            # A regular expression may give a split to some paths only; the other images are for training.
            split=pl.coalesce("pin", "given_split", pl.lit("train")),
            rule=pl.when(pl.col("pin").is_not_null())
            .then(pl.lit("pin"))
            .when(pl.col("given_split").is_null())
            .then(pl.lit("dealt"))
            .otherwise(pl.lit("given")),
        )
    )
    fractions = dict(zip(SPLITS, config.fractions, strict=True))
    shares = {name: fractions[name] for name in SPLITS if name == "train" or name not in names}
    if len(shares) == 1:
        return kept
    fixed = kept.filter((pl.col("split") == "train") & (pl.col("rule") == "pin"))["cluster"].unique()
    is_open = (pl.col("split") == "train") & ~pl.col("cluster").is_in(fixed.implode())
    nothing = pl.lit(None, dtype=pl.String)
    opened = kept.with_columns(*[pl.when(is_open).then(nothing).otherwise(name).alias(name) for name in ("split", "rule")])
    return _assign_open(opened, shares, config.seed)


def _assign_open(images: pl.DataFrame, shares: dict[SplitName, float], seed: int) -> pl.DataFrame:
    """Assigns the images that have no split yet."""
    is_open = images["split"].is_null()
    if not is_open.any():
        return images
    standing = images.filter(~is_open & pl.col("split").is_in(list(shares))).select("label", "split").unique()
    opened = images.filter(is_open)
    try:
        assigned = assign_clusters(opened.select("id", "label", "cluster"), shares, seed=seed, stocked=set(standing.rows()))
    except TooFewClusters as error:
        raise SplitError(f"{error}{_chained(opened.filter(pl.col('label') == error.label))}") from error
    rows = np.flatnonzero(is_open.to_numpy())
    return images.with_columns(split=images["split"].scatter(rows, assigned.tolist()), rule=pl.col("rule").fill_null("dealt"))


def _withdraw_weaker(images: pl.DataFrame) -> pl.DataFrame:
    """Excludes each image that shares a group, a picture or a near duplicate with an image of a stronger split.

    A chain alone excludes nothing, so not the whole cluster goes. This is enough: of the images that are left, those that
    share a key all stand in the strongest split of that key. No exclusion depends on another one, so more images can only
    exclude more.
    """
    crowded = np.flatnonzero(cluster_sizes(images["cluster"].to_numpy()) > 1)
    strength = pl.col("split").replace_strict(_STRENGTH, return_dtype=pl.Int8)
    weaker = pl.any_horizontal(*[pl.col(key).is_not_null() & (strength < strength.max().over(key)) for key in KEYS])
    excluded = crowded[images[crowded].select(weaker).to_series().to_numpy()]
    return images.with_columns(
        split=images["split"].scatter(excluded, EXCLUDED), rule=images["rule"].scatter(excluded, "withdrawn")
    )


def _pinned(config: SplitConfig) -> pl.Expr:
    """The split that an image is pinned to, or null."""
    asked = [
        pl.when(pl.col(field) == value).then(pl.lit(name))
        for name in _PIN_ORDER
        for field, pins in _pins(config).items()
        for value, split in pins.items()
        if split == name
    ]
    return pl.coalesce(*asked, pl.lit(None, dtype=pl.String))


def _pins(config: SplitConfig) -> dict[PinField, dict[str, SplitName]]:
    """The pins of the section, and the one that always holds: simulated images are for training only."""
    return {**config.pin, "origin": {**config.pin.get("origin", {}), SIMULATED: "train"}}


def _check_given(images: pl.DataFrame, given: set[str]) -> None:
    """Checks the images that no pin places."""
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
            f"{first_five(straddling)} do. Set split.method to stratified to split anew by group, or drop {{group}}"
        )
    has_silent = bool(given) and images["given_split"].has_nulls()  # where some paths name a split, the others are for train
    if "train" not in given and not has_silent:
        raise SplitError(
            f"params.yaml: the {{split}} of ingest.pattern must give train images; it gives only "
            f"{first_five(sorted(given)) or 'none'}. Add a train folder or set split.method to stratified"
        )


def _check_filled(placed: pl.DataFrame, config: SplitConfig) -> None:
    filled = set(placed["split"].unique())
    lacking = [name for name in SPLITS if name not in filled]
    if lacking:
        raise SplitError(
            f"each of {', '.join(SPLITS)} must have images; {first_five(lacking)} {_have(lacking)} none"
            f"{_taken_along(placed, config)}. Add images, loosen split.pin, or set split.method to another one than "
            f"{config.method}{_chained(placed)}"
        )
    taught = placed.filter(pl.col("split") == "train")["label"].unique()
    untaught = placed.filter(~pl.col("label").is_in(taught.implode()))["label"].unique().sort()
    if len(untaught):
        raise SplitError(
            f"every class must have train images; {first_five(untaught)} {_have(untaught)} none"
            f"{_taken_along(placed.filter(pl.col('label').is_in(untaught.implode())), config)}. Add images or groups of "
            f"{'that class, or take it' if len(untaught) == 1 else 'those classes, or take them'} out of ingest.source"
            f"{_chained(placed.filter(pl.col('label').is_in(untaught.implode())))}"
        )


def _chained(images: pl.DataFrame) -> str:
    """Names near duplicates as the cause where they alone join most of these images to one cluster."""
    apart = find_clusters(images.with_columns(near_duplicate=pl.lit(None, dtype=pl.String)))
    joined = images["cluster"].value_counts(sort=True).row(0)
    if 2 * joined[1] <= images.height or 2 * int(cluster_sizes(apart).max()) > images.height:
        return ""
    near = images.filter(pl.col("cluster") == joined[0]).drop_nulls("near_duplicate").group_by("near_duplicate").agg("id")
    largest = near.sort(pl.col("id").list.len(), "near_duplicate")["id"][-1].sort()
    return (
        f". Near duplicates are the cause: they join {joined[1]:,} of {images.height:,} images to one cluster, for example "
        f"{first_five(largest.gather([0, len(largest) - 1]))}. If these are different images on one background, lower "
        "ingest.near_duplicates.max_difference"
    )


def _have(names: Sized) -> str:
    return "has" if len(names) == 1 else "have"


def _taken_along(placed: pl.DataFrame, config: SplitConfig) -> str:
    """Names the pins where they placed any of the images. By hash, a pin moves its own image only."""
    if config.method == "hash" or "pin" not in placed["rule"]:
        return ""
    pins = ", ".join(f"split.pin.{field}: {first_five(values)}" for field, values in config.pin.items() if values)
    pins = pins or f"origin {SIMULATED!r} is for training only"
    return f", since pinned images take their whole cluster along ({pins})"


_METHODS: dict[str, Callable[[pl.DataFrame, SplitConfig], pl.DataFrame]] = {
    "stratified": _stratify,
    "hash": _hash_each,
    "given": _keep_given,
}
