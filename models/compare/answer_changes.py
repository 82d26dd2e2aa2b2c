"""What changed from one run to another: images that became right or wrong, and slices whose recall moved.

Only images that both runs have in the same split and with the same label are compared; the others are counted. On an image
with which one run alone was trained, the two cannot be compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.config.base import SPLITS, SplitName
from dataprep.core.connected_components import join_rows
from models.compare.difference import Difference, compare_runs
from models.diagnose.significance import RARE, holm

FEWEST = 6
"""Changed images of a slice. Fewer are never less likely than 5% by chance, so such a slice is no test to correct for."""


@dataclass(frozen=True, slots=True)
class SliceChange:
    """A part of a split in both runs.

    Attributes:
        kind: class | group | origin.
        name: of that class, group or origin.
        difference: of the recalls.
        p_value: of McNemar's test, corrected for the number of slices.
    """

    kind: str
    name: str
    difference: Difference
    p_value: float

    @property
    def moved(self) -> bool:
        return self.p_value < RARE


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs.

    Attributes:
        differences: by split, of those in which both have images in common.
        split: whose images and slices are listed.
        gained: from wrong to right, the surest earlier mistake first: id, label, before, after, confidence_before,
            confidence_after.
        lost: from right to wrong, the surest new mistake first; the same columns.
        slices: of which enough images changed, the surest first.
        num_slices: that were looked at, with too few changes too.
        only_before: images, by split, that the second run has not.
        only_after: images, by split, that the first run has not.
        moved: images that are in another split.
        relabelled: images in the same split with another label.
    """

    differences: dict[SplitName, Difference]
    split: SplitName
    gained: pl.DataFrame
    lost: pl.DataFrame
    slices: list[SliceChange]
    num_slices: int
    only_before: dict[SplitName, int]
    only_after: dict[SplitName, int]
    moved: int
    relabelled: int


def compare(before: pl.DataFrame, after: pl.DataFrame, groups: pl.DataFrame | None, split: SplitName) -> Comparison:
    """Compares two runs image by image.

    Args:
        before: the answers of the first run, from `models.compare.run_answers`.
        after: those of the second.
        groups: id, group and origin of images; None where they are not known.
        split: whose images and slices are listed.
    """
    both = before.join(after, on="id", how="inner", suffix="_after").sort("id")
    comparable = both.filter((pl.col("split") == pl.col("split_after")) & (pl.col("label") == pl.col("label_after")))
    comparable = comparable.with_columns(cluster=_joined(comparable))
    same_split = both.filter(pl.col("split") == pl.col("split_after"))
    own = comparable.filter(pl.col("split") == split)
    slices, num_slices = _slices(own, groups)
    return Comparison(
        differences={name: _difference(rows) for name in SPLITS if (rows := comparable.filter(pl.col("split") == name)).height},
        split=split,
        gained=_listed(own.filter(~pl.col("right") & pl.col("right_after")), "confidence_before"),
        lost=_listed(own.filter(pl.col("right") & ~pl.col("right_after")), "confidence_after"),
        slices=slices,
        num_slices=num_slices,
        only_before=_counts(before.join(after, on="id", how="anti")),
        only_after=_counts(after.join(before, on="id", how="anti")),
        moved=both.height - same_split.height,
        relabelled=same_split.height - comparable.height,
    )


def _slices(rows: pl.DataFrame, groups: pl.DataFrame | None) -> tuple[list[SliceChange], int]:
    """Each class, and each group and origin where there are several, beside the number of all of them.

    A group is one cluster. What is asked is whether this very group fares otherwise, so its images are what is drawn.
    """
    table = rows if groups is None else rows.join(groups, on="id", how="left", maintain_order="left")
    found: list[tuple[str, str, Difference]] = []
    number = 0
    for kind, column in {"class": "label", "group": "group", "origin": "origin"}.items():
        if column not in table.columns or table[column].n_unique() < 2:
            continue
        for part in table.filter(pl.col(column).is_not_null()).partition_by(column):
            number += 1
            if int((part["right"] != part["right_after"]).sum()) >= FEWEST:
                units = part if kind == "class" else part.with_columns(cluster="id")
                found.append((kind, part[column][0], _difference(units)))
    corrected = holm([difference.p_value for *_, difference in found])
    slices = [SliceChange(*own, p_value) for own, p_value in zip(found, corrected, strict=True)]
    return sorted(slices, key=lambda own: (own.p_value, own.difference.p_value, own.kind, own.name)), number


def _difference(rows: pl.DataFrame) -> Difference:
    first = rows.select("id", "cluster", "right")
    return compare_runs([first], [first.with_columns(right=rows["right_after"])])


def _joined(rows: pl.DataFrame) -> NDArray[np.int64]:
    """(N,) clusters of images that are one cluster in either run, directly or by a chain."""
    numbered = rows.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    firsts = [numbered.select(pl.col("row").min().over(name)).to_series() for name in ("cluster", "cluster_after")]
    start = np.tile(np.arange(rows.height), len(firsts))
    return join_rows(start, np.concatenate([own.to_numpy() for own in firsts]), rows.height)


def _listed(rows: pl.DataFrame, surest: str) -> pl.DataFrame:
    return rows.select(
        "id",
        "label",
        before="predicted",
        after="predicted_after",
        confidence_before="confidence",
        confidence_after="confidence_after",
    ).sort([surest, "id"], descending=[True, False])


def _counts(rows: pl.DataFrame) -> dict[SplitName, int]:
    counted: Mapping[str, int] = dict(rows["split"].value_counts().rows())
    return {split: counted[split] for split in SPLITS if split in counted}
