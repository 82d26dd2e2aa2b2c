"""What the published model says of images of today: the class, and of a sample, whether an image is unlike what it knows.

wanted    today's validation and test images, on which it is judged beside the new model
sampled   the new images, and those of validation and test that it was not trained on: by these drift is found
"""

import polars as pl

from dataprep.core.artifacts import Family, TableFormat
from dataprep.core.column_constraints import NO_CONTROLS, Values
from dataprep.core.rng import stable_hashes
from models.compare.gate import HELD_OUT
from models.evaluate.feature_table import FEATURE
from models.evaluate.image_facts import FACTS

MOST = 5_000
"""New images that are sampled, and as many known ones."""

LOOKS = TableFormat(
    kind="looks",
    version=1,
    columns={
        "id": pl.String(),
        "predicted": pl.String(),
        "unlike": pl.Boolean(),  # null where the image is not sampled, or the model has no reference
        **dict.fromkeys(FACTS, pl.Float32()),
    },
    stage="",
    values={"id": Values(pattern=NO_CONTROLS, ascending=True), "predicted": Values()},
    family=Family(FEATURE, pl.Float32(), Values(nullable=True)),
)

WANTED = TableFormat(
    kind="wanted images",
    version=1,
    columns={"id": pl.String(), "sampled": pl.Boolean()},
    stage="",
    values={"id": Values(pattern=NO_CONTROLS, ascending=True), "sampled": Values()},
)


def wanted_images(split: pl.DataFrame, new_ids: pl.Series, seen: pl.Series) -> pl.DataFrame:
    """Which images the published model is asked about.

    Args:
        split: of today: id, split.
        new_ids: images that were not there when it was published.
        seen: images that it was trained on, or that are too near to those.

    Returns:
        id and sampled.
    """
    is_new, held_out = pl.col("id").is_in(new_ids.implode()), pl.col("split").is_in(HELD_OUT)
    known = split.filter(held_out & ~is_new & ~pl.col("id").is_in(seen.implode()))
    sample = pl.concat([_sampled(split.filter(is_new)["id"]), _sampled(known["id"])])
    return (
        split.select("id", held_out=held_out, sampled=pl.col("id").is_in(sample.implode()))
        .filter(pl.col("held_out") | pl.col("sampled"))
        .select("id", "sampled")
        .sort("id")
    )


def _sampled(ids: pl.Series) -> pl.Series:
    """At most `MOST`, chosen by a hash."""
    order = pl.Series(stable_hashes(ids.to_list()), dtype=pl.UInt64).arg_sort()
    return ids.gather(order.head(MOST))
