"""Which images stand in another split than they did in an earlier version of the split table."""

import polars as pl

from dataprep.config.base import SPLITS
from dataprep.config.split import SplitConfig


def describe_moves(before: pl.DataFrame, after: pl.DataFrame, config: SplitConfig, *, earlier: str) -> list[str]:
    """Says how many images moved between two versions of the split table, and what that means for scores.

    Args:
        before: the earlier version; columns id and split are needed.
        after: the new version.
        config: what the new version was made with.
        earlier: what the earlier version is called, for example "the last commit".

    Returns:
        One sentence, or none where no image moved.
    """
    both = before.select("id", old="split").join(after.select("id", new="split"), on="id")
    moved = (
        both.filter(pl.col("old") != pl.col("new"))
        .group_by("old", "new")
        .len()
        .sort(["len", "old", "new"], descending=[True, False, False])
    )
    if not moved.height:
        return []
    count = int(moved["len"].sum())
    ways = ", ".join(f"{old} -> {new} {images:,}" for old, new, images in moved.rows())
    sentence = (
        f"{count:,} of {both.height:,} images that were there before moved to another split since {earlier} ({ways}); besides, "
        f"{after.height - both.height:,} are new and {before.height - both.height:,} are gone"
    )
    seen = moved.filter((pl.col("old") == "train") & pl.col("new").is_in([name for name in SPLITS if name != "train"]))
    if seen.height:
        sentence += (
            f". Earlier models have seen {int(seen['len'].sum()):,} images of the new validation and test, so their scores "
            "cannot be compared with new ones"
        )
    if config.method != "hash":
        sentence += ". split.method hash moves none when images come or go"
    return [sentence]
