"""What changed in the data from one version to another, by what the images hold: a moved or renamed file is not new."""

from dataclasses import dataclass

import polars as pl

from dataprep.core.artifacts import Count, Document
from dataprep.store.manifest import usable


class DataCounts(Document):
    """Images that changed since the version before; of the first version all are new."""

    images: Count  # in use now
    new: Count  # in use now, and no image of the same pixels was before
    removed: Count  # were in use, and no image of the same pixels is now
    relabelled: Count  # in use both times, under another label
    quarantined: Count  # files that are quarantined now and were not before

    @property
    def in_words(self) -> str:
        """For example `120 new, 3 removed, 0 relabelled, 2 newly quarantined`."""
        used = f"{self.new:,} new, {self.removed:,} removed, {self.relabelled:,} relabelled"
        return f"{used}, {self.quarantined:,} newly quarantined"

    @property
    def is_nothing(self) -> bool:
        return not (self.new or self.removed or self.relabelled or self.quarantined)


@dataclass(frozen=True, slots=True)
class DataChanges:
    """What changed, and which images are new."""

    counts: DataCounts
    new_ids: pl.Series


def find_changes(before: pl.DataFrame | None, after: pl.DataFrame) -> DataChanges:
    """Compares two manifests.

    Args:
        before: the manifest of the version before; id, label, digest and status are read. None where there is none.
        after: the manifest of today.
    """
    now, then = usable(after), usable(before) if before is not None else after.clear()
    new = now.filter(~pl.col("digest").is_in(then["digest"].implode()))
    removed = then.filter(~pl.col("digest").is_in(now["digest"].implode()))
    labels = then.group_by("digest").agg(pl.col("label").first())
    both = now.join(labels, on="digest", how="inner", suffix="_before")
    held_back = after.filter(pl.col("status") == "quarantined")
    earlier = before.filter(pl.col("status") == "quarantined")["id"] if before is not None else held_back["id"].clear()
    return DataChanges(
        counts=DataCounts(
            images=now.height,
            new=new.height,
            removed=removed.height,
            relabelled=both.filter(pl.col("label") != pl.col("label_before")).height,
            quarantined=held_back.filter(~pl.col("id").is_in(earlier.implode())).height,
        ),
        new_ids=new["id"],
    )
