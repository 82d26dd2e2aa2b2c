"""The split report: counts from the final table which show that nothing leaks, and the images of each class in each split."""

from collections import Counter
from itertools import combinations
from typing import Literal

import polars as pl

from dataprep.config.base import SPLITS, SplitName
from dataprep.config.split import SplitConfig
from dataprep.core.artifacts import Count, Document, Fraction
from dataprep.core.confidence_intervals import wilson_interval
from dataprep.core.connected_components import KEYS
from dataprep.core.errors import first_five
from dataprep.store.split_table import EXCLUDED

LISTED_CLASSES = 5
SUPPOSED_ACCURACY = 0.9

FAR = 0.05
"""A split is reported whose fraction of the assigned images differs from the requested one by more than this."""

_SHARED_KEYS = {"digest": "same picture as", "near_duplicate": "near duplicate of", "group": "same group as"}
"""How the related image of a withdrawn one is described, the closest relation first."""


class Counts(Document):
    """How many groups, pictures and clusters of near duplicates."""

    groups: Count
    duplicates: Count
    near_duplicates: Count

    @property
    def total(self) -> int:
        return self.groups + self.duplicates + self.near_duplicates


class Shared(Document):
    """What each pair of splits shares: 0 by construction, and counted nevertheless."""

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
    """One class in one split: its images and clusters, and the requested and actual fraction of the assigned images."""

    images: Count
    clusters: Count  # groups and distinct pictures, which are independent
    asked: Fraction | None  # null where no image was assigned: all are given or pinned
    got: Fraction | None


class ClassPortions(Document):
    """One class in each split."""

    class_name: str
    train: Portion
    validation: Portion
    test: Portion

    def of_split(self, split: SplitName) -> Portion:
        return {"train": self.train, "validation": self.validation, "test": self.test}[split]


class SplitMetrics(Document):
    """What the split stage reports."""

    format_version: Literal[3] = 3
    images: dict[str, Count]
    shared: Shared
    kept_together: Counts  # groups, pictures and near duplicates of several images
    warnings: list[str]  # sentences for a person to read
    classes: list[ClassPortions]


def measure_split(images: pl.DataFrame, split: pl.DataFrame, config: SplitConfig) -> SplitMetrics:
    """Counts images per class and split and what the splits share, and says what could not be done as requested.

    Args:
        images: usable rows of the manifest.
        split: from `split_images`.
        config: what it was made with.
    """
    joined = images.select("id", "label", *KEYS).join(split.select("id", "split", "cluster", "rule"), on="id")
    totals = Counter(dict(joined.group_by("split").len().rows()))
    pairs, together = _count_shared(joined)
    classes = _portions(joined, config)
    return SplitMetrics(
        images={name: totals[name] for name in (*SPLITS, EXCLUDED) if name in totals or name != EXCLUDED},
        shared=Shared(**pairs),
        kept_together=together,
        warnings=[
            *_ignored_settings(images, config),
            *_cut_test(joined, config),
            *_far_off(joined, config),
            *_withdrawn(joined, config),
            *_lacking(classes, "validation"),
            *_lacking(classes, "test"),
            *_of_one_cluster(joined, "validation"),
            *_of_one_cluster(joined, "test"),
            *_scarce(classes, config.min_test_images),
        ],
        classes=classes,
    )


def _count_shared(joined: pl.DataFrame) -> tuple[dict[str, Counts], Counts]:
    """What each pair of splits shares, and how many groups, pictures and near duplicates have several images."""
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
        pl.len().alias("images"),
        pl.col("cluster").n_unique().alias("clusters"),
        pl.col("rule").is_in(["dealt", "hash"]).sum().alias("assigned"),
    )
    found = {(label, split): (images, clusters, assigned) for label, split, images, clusters, assigned in counted.rows()}
    # No image is assigned to a given split, whatever params.yaml says.
    filled = {split for (_, split), (_, _, assigned) in found.items() if assigned}
    asked = {name: fraction for name, fraction in zip(SPLITS, config.fractions, strict=True) if name in filled}
    portions = []
    for label in joined["label"].unique().sort():
        own = {name: found.get((label, name), (0, 0, 0)) for name in SPLITS}
        assigned = sum(own[name][2] for name in SPLITS)
        shares = {
            name: Portion(
                images=own[name][0],
                clusters=own[name][1],
                asked=round(asked[name] / sum(asked.values()), 6) if assigned and name in asked else None,
                got=round(own[name][2] / assigned, 6) if assigned and name in asked else None,
            )
            for name in SPLITS
        }
        portions.append(ClassPortions(class_name=label, **shares))
    return portions


def _ignored_settings(images: pl.DataFrame, config: SplitConfig) -> list[str]:
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


def _cut_test(joined: pl.DataFrame, config: SplitConfig) -> list[str]:
    cut = joined.filter((pl.col("split") == "test") & (pl.col("rule") == "dealt")).height if config.method == "given" else 0
    if not cut:
        return []
    return [f"the paths give no test images, so {_number(cut, 'image')} {'was' if cut == 1 else 'were'} cut from train for it"]


def _far_off(joined: pl.DataFrame, config: SplitConfig) -> list[str]:
    """One sentence for the splits whose fraction of the assigned images is far from the requested one, with the cause."""
    assigned = joined.filter(pl.col("rule").is_in(["dealt", "hash"]))
    counts = Counter(dict(assigned.group_by("split").len().rows()))
    asked = {
        name: fraction
        for name, fraction in zip(SPLITS, config.fractions, strict=True)
        if config.method != "given" or counts[name]  # no image is assigned to a given split
    }
    total = sum(asked.values())
    images = "images" if assigned.height == joined.height else "assigned images"
    missed = [
        f"{name} has {counts[name] / assigned.height:.0%} of the {images} instead of {fraction / total:.0%}"
        for name, fraction in asked.items()
        if assigned.height and abs(counts[name] / assigned.height - fraction / total) > FAR
    ]
    if not missed:
        return []
    return [f"{', '.join(missed)}, since {_chance(joined) if config.method == 'hash' else _large_clusters(assigned)}"]


def _chance(joined: pl.DataFrame) -> str:
    """Why the method `hash` misses the fractions."""
    withdrawn = joined.filter(pl.col("split") == EXCLUDED).height
    if withdrawn > FAR * joined.height:
        return f"{_number(withdrawn, 'image')} {'is' if withdrawn == 1 else 'are'} withdrawn"
    own = joined.filter(pl.col("rule") == "hash")
    keys = own.select(pl.coalesce("group", "digest", "id").n_unique()).item()
    noun = "group" if own["group"].is_not_null().any() else "picture"
    pinned = " without a pin" if "pin" in joined["rule"] else ""
    counted = f"{'is' if keys == 1 else 'are'} only {_number(keys, noun)}{pinned}"
    return f"the hash places each {noun} at random, and there {counted}"


def _large_clusters(assigned: pl.DataFrame) -> str:
    """Why the stratified split misses the fractions."""
    sizes = assigned.group_by("cluster").len().sort(["len", "cluster"], descending=[True, False])
    cluster, size = sizes.row(0)
    if size == 1:
        return f"images are few ({assigned.height:,}) and each class is to stand in every split"
    own = assigned.filter(pl.col("cluster") == cluster)
    groups = own["group"].drop_nulls().unique().sort()
    if len(groups) > 1:
        shared = (
            own.drop_nulls("group")
            .group_by(pl.coalesce("near_duplicate", "digest"))
            .agg(pl.col("group").n_unique().alias("groups"))
            .filter(pl.col("groups") > 1)
        )
        linked = f"{_number(shared.height, 'picture')} or near {'duplicate' if shared.height == 1 else 'duplicates'}"
        held = f"groups {first_five(groups)}, which share {linked if shared.height else 'pictures or near duplicates'}"
    elif len(groups):
        held = f"group {groups[0]!r}"
    else:
        held = f"equal pictures and near duplicates, for example {first_five(own['id'].sort().head(2))}"
    return f"clusters are kept whole; the largest holds {_number(size, 'image')} of {assigned.height:,} ({held})"


def _withdrawn(joined: pl.DataFrame, config: SplitConfig) -> list[str]:
    ids = joined.filter(pl.col("split") == EXCLUDED)["id"].sort()
    if not len(ids):
        return []
    named = ", ".join(_with_partner(joined, name) for name in ids.head(5))
    more = f" and {len(ids) - 5:,} more" if len(ids) > 5 else ""
    order = "train wins over test, and test over validation"  # as `_PIN_ORDER` of the split methods
    why = f"pins of one cluster contradict each other ({order})"
    if config.method != "stratified":
        why = (
            "the same group, picture or near duplicate stands in another one that wins (test wins over validation, and "
            "validation over train, pinned or not)"
        )
    return [f"{_number(len(ids), 'image')} {'is' if len(ids) == 1 else 'are'} in no split, since {why}: {named}{more}"]


def _with_partner(joined: pl.DataFrame, name: str) -> str:
    """The id, and the closest related image that is in a split; a chain of groups may have none."""
    own = joined.row(by_predicate=pl.col("id") == name, named=True)
    for key, relation in _SHARED_KEYS.items():
        if own[key] is None:
            continue
        left = joined.filter((pl.col(key) == own[key]) & (pl.col("split") != EXCLUDED)).sort("id").head(1)
        for partner, split in left.select("id", "split").rows():
            return f"{name!r} ({relation} {partner!r} in {split})"
    return repr(name)


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _lacking(classes: list[ClassPortions], split: SplitName) -> list[str]:
    names = [row.class_name for row in classes if row.of_split(split).images == 0]
    if len(names) > 1:
        return [f"{len(names):,} classes have no {split} images, so nothing is measured of them there: {first_five(names)}"]
    return [f"class {name!r} has no {split} images, so nothing is measured of it there" for name in names]


def _of_one_cluster(joined: pl.DataFrame, split: SplitName) -> list[str]:
    """Warns of a split that is one group or one picture: whatever the number of images, it measures nothing."""
    own = joined.filter(pl.col("split") == split)
    if own.height < 2 or own["cluster"].n_unique() > 1:
        return []
    groups = own["group"].drop_nulls().unique().sort()
    held = f"belong to group {groups[0]!r}" if len(groups) == 1 else "are kept together as groups, copies or near duplicates"
    wanted = "more groups" if len(groups) else "other pictures"
    return [f"all {own.height:,} {split} images {held}, so a score on them says nothing of others; collect {wanted}"]


def _scarce(classes: list[ClassPortions], least: int) -> list[str]:
    """Says how uncertain a score is of classes with fewer independent test images than `min_test_images`."""
    few = sorted((row.test.clusters, row.test.images, row.class_name) for row in classes if 0 < row.test.clusters < least)
    if not few:
        return []
    copies = any(clusters < images for clusters, images, _ in few)
    shown = [(name, _worth(clusters, images), _supposed(clusters, images)) for clusters, images, name in few[:LISTED_CLASSES]]
    if len(few) > 1:
        listed = ", ".join(f"{name!r} {count} ({interval})" for name, count, interval in shown)
        more = f" and {len(few) - len(shown):,} more" if len(few) > len(shown) else ""
        counted = "; a group, and a picture with its copies, counts once" if copies else ""
        return [
            f"{len(few):,} classes have fewer than {least} test images (in brackets the 95% interval of an accuracy of "
            f"{SUPPOSED_ACCURACY} measured on them{counted}): {listed}{more}"
        ]
    name, _, interval = shown[0]
    clusters, images, _ = few[0]
    counted = f", which count as {clusters:,} (a group, and a picture with its copies, counts once)" if copies else ""
    return [
        f"class {name!r} has {_number(images, 'test image')}{counted}: an accuracy of {SUPPOSED_ACCURACY} measured on them has "
        f"a 95% interval of {interval}"
    ]


def _worth(clusters: int, images: int) -> str:
    return f"{images:,}" if clusters == images else f"{clusters:,} of {images:,}"


def _supposed(clusters: int, images: int) -> str:
    """The interval of an accuracy of 0.9 on so many clusters; one cluster of several images measures nothing."""
    low, high = (0.0, 1.0) if clusters == 1 < images else wilson_interval(SUPPOSED_ACCURACY, clusters)
    return f"{low:.2f} - {high:.2f}"
