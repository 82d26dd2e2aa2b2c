"""The proof that nothing leaks, counted from the final table, and what each class got of each split."""

from collections import Counter
from itertools import combinations
from typing import Literal

import polars as pl

from dataprep.artifacts import Document
from dataprep.assignment import EXCLUDED
from dataprep.clusters import KEYS
from dataprep.config import SPLITS, SplitConfig, SplitName
from dataprep.errors import first_five
from dataprep.intervals import wilson_interval

LISTED_CLASSES = 5
SUPPOSED_ACCURACY = 0.9


class Counts(Document):
    """How many groups, pictures and clusters of near duplicates."""

    groups: int
    duplicates: int
    near_duplicates: int

    @property
    def total(self) -> int:
        return self.groups + self.duplicates + self.near_duplicates


class Shared(Document):
    """What two splits share: 0 by construction, and counted all the same."""

    train_validation: Counts
    train_test: Counts
    validation_test: Counts

    @property
    def pairs(self) -> dict[str, Counts]:
        """By name, for example "train and test"."""
        return {f"{one} and {other}": getattr(self, f"{one}_{other}") for one, other in combinations(SPLITS, 2)}

    @property
    def total(self) -> Counts:
        """The sums over the three pairs."""
        counts = self.pairs.values()
        return Counts(
            groups=sum(pair.groups for pair in counts),
            duplicates=sum(pair.duplicates for pair in counts),
            near_duplicates=sum(pair.near_duplicates for pair in counts),
        )


class Portion(Document):
    """What one class got of one split: its images there, and of those that were dealt the fraction asked and got."""

    images: int
    asked: float | None  # null where nothing was dealt: the images are given or pinned
    got: float | None


class ClassPortions(Document):
    """What one class got of each split."""

    class_name: str
    train: Portion
    validation: Portion
    test: Portion

    def of_split(self, split: SplitName) -> Portion:
        return {"train": self.train, "validation": self.validation, "test": self.test}[split]


class SplitMetrics(Document):
    """What the split stage reports."""

    format_version: Literal[2] = 2
    images: dict[str, int]
    shared: Shared
    kept_together: Counts  # groups, pictures and near duplicates of several images
    warnings: list[str]  # what a person should look at, as sentences
    classes: list[ClassPortions]


def measure_split(images: pl.DataFrame, split: pl.DataFrame, config: SplitConfig) -> SplitMetrics:
    """Counts images per class and split, what the splits share, and what was asked in vain.

    Args:
        images: usable rows of the manifest.
        split: from `split_images`.
        config: what it was made with.
    """
    joined = images.select("id", "label", *KEYS).join(split.select("id", "split", "rule"), on="id")
    totals = Counter(dict(joined.group_by("split").len().rows()))
    pairs, together = _count_shared(joined)
    classes = _portions(joined, config)
    return SplitMetrics(
        images={name: totals[name] for name in (*SPLITS, EXCLUDED) if name in totals or name != EXCLUDED},
        shared=Shared(**pairs),
        kept_together=together,
        warnings=[
            *_asked_in_vain(images, config),
            *_withdrawn(totals[EXCLUDED]),
            *_lacking(classes, "validation"),
            *_lacking(classes, "test"),
            *_scarce(classes, config.min_test_images),
        ],
        classes=classes,
    )


def _count_shared(joined: pl.DataFrame) -> tuple[dict[str, Counts], Counts]:
    """What each pair of splits shares, and what there is of several images."""
    found: dict[str, pl.DataFrame] = {}
    for key in KEYS:
        several = joined.filter(pl.col(key).is_not_null() & pl.col(key).is_duplicated())
        found[key] = several.group_by(key).agg((pl.col("split") == name).any().alias(name) for name in SPLITS)
    pairs = {
        f"{one}_{other}": _counts({key: int((rows[one] & rows[other]).sum()) for key, rows in found.items()})
        for one, other in combinations(SPLITS, 2)
    }
    return pairs, _counts({key: rows.height for key, rows in found.items()})


def _counts(by_key: dict[str, int]) -> Counts:
    return Counts(groups=by_key["group"], duplicates=by_key["digest"], near_duplicates=by_key["near_duplicate"])


def _portions(joined: pl.DataFrame, config: SplitConfig) -> list[ClassPortions]:
    counted = joined.group_by("label", "split").agg(
        pl.len().alias("images"), pl.col("rule").is_in(["dealt", "hash"]).sum().alias("dealt")
    )
    found = {(label, split): (images, dealt) for label, split, images, dealt in counted.rows()}
    # A given split is not dealt to, whatever params.yaml asks.
    filled = {split for (_, split), (_, dealt) in found.items() if dealt}
    asked = {name: fraction for name, fraction in zip(SPLITS, config.fractions, strict=True) if name in filled}
    portions = []
    for label in joined["label"].unique().sort():
        own = {name: found.get((label, name), (0, 0)) for name in SPLITS}
        dealt = sum(own[name][1] for name in SPLITS)
        shares = {
            name: Portion(
                images=own[name][0],
                asked=round(asked[name] / sum(asked.values()), 6) if dealt and name in asked else None,
                got=round(own[name][1] / dealt, 6) if dealt and name in asked else None,
            )
            for name in SPLITS
        }
        portions.append(ClassPortions(class_name=label, **shares))
    return portions


def _asked_in_vain(images: pl.DataFrame, config: SplitConfig) -> list[str]:
    sentences = []
    for field, pins in config.pin.items():
        unknown = sorted(set(pins) - set(images[field].drop_nulls().unique()))
        if unknown:
            sentences.append(f"split.pin.{field} names what no image has: {first_five(unknown)}")
    if config.method != "given" and images["given_split"].is_not_null().any():
        sentences.append(
            f"the paths give a split, which split.method {config.method!r} ignores; set it to 'given' to keep that test set"
        )
    return sentences


def _withdrawn(excluded: int) -> list[str]:
    if not excluded:
        return []
    return [
        f"{excluded:,} {'image is' if excluded == 1 else 'images are'} in no split, since the same group, picture or near "
        "duplicate stands in another one that wins (a pin; else test before validation before train)"
    ]


def _lacking(classes: list[ClassPortions], split: SplitName) -> list[str]:
    names = [row.class_name for row in classes if row.of_split(split).images == 0]
    if len(names) > 1:
        return [f"{len(names):,} classes have no {split} images, so nothing is measured of them there: {first_five(names)}"]
    return [f"class {name!r} has no {split} images, so nothing is measured of it there" for name in names]


def _scarce(classes: list[ClassPortions], least: int) -> list[str]:
    """Says what a score is worth of the classes that have test images, but fewer than asked."""
    few = sorted((row.test.images, row.class_name) for row in classes if 0 < row.test.images < least)
    shown = [
        (name, count, "{:.2f} - {:.2f}".format(*wilson_interval(SUPPOSED_ACCURACY, count)))
        for count, name in few[:LISTED_CLASSES]
    ]
    if len(few) > 1:
        listed = ", ".join(f"{name!r} {count} ({interval})" for name, count, interval in shown)
        more = f" and {len(few) - len(shown):,} more" if len(few) > len(shown) else ""
        return [
            f"{len(few):,} classes have fewer than {least} test images (in brackets the 95% interval of an accuracy of "
            f"{SUPPOSED_ACCURACY} measured on them): {listed}{more}"
        ]
    return [
        f"class {name!r} has {count} test image{'s' * (count > 1)}: an accuracy of {SUPPOSED_ACCURACY} measured on them has a "
        f"95% interval of {interval}"
        for name, count, interval in shown
    ]
