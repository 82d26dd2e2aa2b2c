"""What two splits share though they must not: counted in the tables themselves, whatever made them."""

from dataclasses import dataclass

import polars as pl

from dataprep.store.split_table import EXCLUDED


@dataclass(frozen=True, slots=True)
class Shared:
    """Images of validation and test that stand in another split as well, by what they have in common.

    Attributes:
        images: held-out images with a counterpart.
        held_out: images of validation and test.
        groups: shared by splits.
        pictures: decoded pixels that stand in several splits.
        clusters: of groups and near duplicates that stand in several splits.
        ids: of some of the images.
    """

    images: int
    held_out: int
    groups: int
    pictures: int
    clusters: int
    ids: tuple[str, ...]


_SHOWN = 6


def find_shared(manifest: pl.DataFrame, split: pl.DataFrame) -> Shared:
    """Compares the splits.

    Args:
        manifest: id, group and digest are read.
        split: id, split and cluster are read.
    """
    used = split.filter(pl.col("split") != EXCLUDED).select("id", "split", "cluster")
    rows = used.join(manifest.select("id", "group", "digest"), on="id", how="left", maintain_order="left")
    keys = {name: rows.filter(pl.col(name).is_not_null()) for name in ("group", "digest", "cluster")}
    several = {
        name: own.group_by(name).agg(pl.col("split").n_unique().alias("splits")).filter(pl.col("splits") > 1)[name]
        for name, own in keys.items()
    }
    shared = rows.filter(
        (pl.col("split") != "train")
        & pl.any_horizontal(*[pl.col(name).is_in(values.implode()) for name, values in several.items()])
    )
    return Shared(
        images=shared.height,
        held_out=rows.filter(pl.col("split") != "train").height,
        groups=len(several["group"]),
        pictures=len(several["digest"]),
        clusters=len(several["cluster"]),
        ids=tuple(shared["id"].head(_SHOWN)),
    )
