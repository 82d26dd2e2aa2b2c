"""Builds the manifest from the list of files, from their paths, and from what was seen in them.

Each file found is counted once: as ok, quarantined or skipped. A file that is not ok has a reason.
"""

import re

import numpy as np
import polars as pl

from dataprep.config.ingest import IngestConfig
from dataprep.core.errors import SourceError, first_five
from dataprep.core.name_encoding import decode_name, encode_name, printable
from dataprep.ingest.corrections import apply_corrections
from dataprep.ingest.label_table import FACTS, TableLabels
from dataprep.ingest.look_alike_classes import look_alike_warnings
from dataprep.ingest.near_duplicates import find_clusters, hashes_of
from dataprep.ingest.perceptual_features import LENGTH, Features
from dataprep.ingest.quality import ISSUES, MEASURES, common_issues, find_issues
from dataprep.source.other_files import counted_endings, mark_other_files
from dataprep.source.path_pattern import SPLIT_NAMES, PathFacts, compile_pattern, read_paths
from dataprep.source.pattern_proposal import propose_pattern
from dataprep.store.manifest import SKIPPED, manifest_columns, usable

_SENTENCES = {
    "skipped": "its name is in ingest.skip",
    "link": "links are not followed",
    "link_to_folder": "links are not followed; this one stands for a folder",
    "not_a_file": "neither a file nor a folder",
    "unreadable": "cannot be listed; check its permissions",
    "unreadable_folder": "a folder that cannot be listed; check its permissions",
    "unusable_name": "a part of its key is empty, . or .., or holds a zero byte, which no path can; rename it",
}


LARGE_FRACTION = 0.25
LARGE_CLUSTER = 10
"""A cluster of near duplicates with this share of a class, and this many images, is warned of."""


def cluster_pictures(seen: pl.DataFrame, known: pl.DataFrame, config: IngestConfig, *, workers: int) -> pl.DataFrame:
    """Joins near duplicates among all pictures that were seen.

    Args:
        seen: what was seen of the files; equal digests are one picture.
        known: digest and cluster of the last run.
        config: the section.
        workers: threads.

    Returns:
        Columns digest and cluster (the smallest digest among its near duplicates), sorted by digest.
    """
    # Equal samples of more than 8 bits may stand in two types with different ranges: sorting makes the same one the first.
    features = seen.select("digest", "fingerprint").drop_nulls().sort("digest", "fingerprint")
    pictures = features.unique("digest", keep="first", maintain_order=True).with_row_index("row")
    # A picture that is gone may have linked others: its cluster is searched anew.
    gone = known.join(pictures, on="digest", how="anti")["cluster"].unique()
    kept = known.filter(~pl.col("cluster").is_in(gone.implode()))
    first = pictures.select("row", cluster="digest")
    rows = (
        pictures.join(kept, on="digest", how="left")
        .join(first, on="cluster", how="left", suffix="_of_cluster")
        .sort("row")["row_of_cluster"]
    )
    old = rows.cast(pl.Int64).fill_null(-1).to_numpy()
    found = find_clusters(_features(pictures), config.near_duplicates, known=old, workers=workers)
    return pictures.select("digest", cluster=pictures["digest"].gather(found))


def check_pattern(found: pl.DataFrame, config: IngestConfig) -> None:
    """Refuses a pattern that cannot read the paths in reasonable time, before a single file is opened.

    Args:
        found: from `scan`.
        config: the section.

    Raises:
        ParamsError: the pattern is wrong, or takes too long.
    """
    read_paths([decode_name(path) for path in found["path"].to_list()], compile_pattern(config.pattern))


def build_manifest(
    found: pl.DataFrame,
    seen: pl.DataFrame,
    clusters: pl.DataFrame,
    config: IngestConfig,
    *,
    corrections: pl.DataFrame,
    labels: TableLabels | None = None,
) -> pl.DataFrame:
    """Joins what was found, what the paths say, what the files hold and what a person decided into the manifest.

    Args:
        found: from `scan`.
        seen: columns of `FACTS`, of all files that could be opened.
        clusters: from `cluster_pictures`.
        config: the section.
        corrections: from `read_corrections`.
        labels: what a table says of each file, from `find_labels`; None = the paths say it.
    """
    paths = found["path"].to_list()
    compiled = compile_pattern(config.pattern)
    path_facts = _facts_of_paths(paths, compiled) if labels is None else labels.facts
    sentences = pl.col("entry_reason").replace_strict(_SENTENCES, default=None, return_dtype=pl.String)
    rows = (
        found.rename({"reason": "entry_reason"})
        .with_columns(pl.Series("id", [printable(path) for path in paths]), *path_facts.get_columns())
        .join(seen, on="path", how="left")
        .with_columns(reason=pl.coalesce("entry_reason", "reason"), message=pl.coalesce(sentences, "message", "doubt"))
        .sort("id")
    )
    rows = apply_corrections(mark_other_files(rows), corrections)
    unmatched = f"the path does not match ingest.pattern {config.pattern!r}"
    if "split" in compiled.groupindex:
        unmatched += f", whose split is one of {', '.join(SPLIT_NAMES)}"
    if labels is not None:
        unmatched = "the table of ingest.labels has no label for it"
    without = "pattern" if labels is None else "unlabelled"
    rows = _quarantine(rows, pl.col("label").is_null(), reason=without, message=pl.lit(unmatched))
    rows = _mark_conflicts(rows, config).join(clusters, on="digest", how="left", maintain_order="left")
    rows = _quarantine_small_classes(rows, config)
    status = (
        pl.when(pl.col("reason").is_null()).then(pl.lit("ok")).when(pl.col("reason").is_in(SKIPPED)).then(pl.lit("skipped"))
    )
    rows = rows.with_columns(status=status.otherwise(pl.lit("quarantined")))
    rows = _add_perceptual_hash(_add_near_duplicates(rows))
    return _add_issues(rows, config).select(manifest_columns(MEASURES))


def check_usable(manifest: pl.DataFrame, config: IngestConfig) -> None:
    """Refuses a manifest that no data set can be made of.

    Raises:
        SourceError: no path matches, no file is an image, or there is one class only.
    """
    bad, good = manifest.filter(pl.col("status") != "ok", pl.col("reason") != "skipped"), usable(manifest)
    if good.is_empty():
        unmatched = bad.filter(pl.col("reason") == "pattern")["id"]
        if 2 * len(unmatched) > bad.height:
            raise SourceError(
                f"params.yaml: ingest.pattern {config.pattern!r} must match the paths below ingest.source; of {bad.height:,} "
                f"it misses {len(unmatched):,}: {first_five(unmatched)}. {_proposal(unmatched)}"
            )
        raise SourceError(
            f"ingest.source must hold images that can be used; of {manifest.height:,} files none can {_reasons(bad)}. Check "
            "ingest.source, ingest.pattern and ingest.skip"
        )
    labels = good["label"].unique().to_list()
    if len(labels) < 2:
        where, fix = "ingest.pattern", "Put {label} where the class stands"
        if config.labels is not None:
            where, fix = "ingest.labels.label", "Name the column that holds the classes"
        raise SourceError(
            f"params.yaml: {where} must find at least 2 classes; got one, {labels[0]!r}, for "
            f"{good.height:,} images, for example {first_five(good['id'].head(2))}. {fix}"
        )


def check_quarantined(manifest: pl.DataFrame, config: IngestConfig) -> None:
    """Refuses a manifest of which too much is quarantined. What a person excluded does not count.

    Raises:
        SourceError: with the reasons counted and five examples.
    """
    looked_at = manifest.filter(pl.col("status") != "skipped", pl.col("reason").ne_missing(pl.lit("excluded")))
    bad = looked_at.filter(pl.col("status") == "quarantined")
    most = config.max_quarantined_fraction
    if bad.height > most * looked_at.height:
        raise SourceError(
            f"params.yaml: at most {most:.0%} of the files may be quarantined (ingest.max_quarantined_fraction); "
            f"{bad.height:,} of {looked_at.height:,} are {_reasons(bad)}. List them with: darkroom files. Mend or remove them, "
            "skip them by name (ingest.skip), or raise the fraction"
        )


def ingest_warnings(manifest: pl.DataFrame, config: IngestConfig) -> list[str]:
    """One line for each thing to look at before you trust the data set. None of them stops the run."""
    good = usable(manifest)
    return [
        *look_alike_warnings(good["label"].unique()),
        *_large_clusters(good),
        *_many_other_files(manifest, config),
        *common_issues(good, config.quality),
    ]


def _large_clusters(good: pl.DataFrame) -> list[str]:
    """Names the classes of which one cluster of near duplicates is a large part, for example copies of one printed form."""
    clusters = (
        good.drop_nulls("near_duplicate")
        .group_by("label", "near_duplicate")
        .agg(pl.len().alias("images"), pl.col("id").min().alias("first"), pl.col("id").max().alias("last"))
        .join(good.group_by("label").len(), on="label")
        .filter(pl.col("images") >= pl.max_horizontal(LARGE_FRACTION * pl.col("len"), pl.lit(LARGE_CLUSTER)))
        .sort("label", "near_duplicate")
    )
    if clusters.is_empty():
        return []
    label, _, images, first, last, size = clusters.row(0)
    more = f"; the same in {clusters.height - 1:,} more" if clusters.height > 1 else ""
    return [
        f"{images:,} of {size:,} images of class {label!r} are one cluster of near duplicates, for example {first!r} and "
        f"{last!r}{more}; they will stand in one split. If they are different images on one background, lower "
        "ingest.near_duplicates.max_difference"
    ]


def _many_other_files(manifest: pl.DataFrame, config: IngestConfig) -> list[str]:
    other = manifest.filter(pl.col("reason") == "other_file")["id"]
    if len(other) <= config.max_quarantined_fraction * manifest.height:
        return []
    return [
        f"{len(other):,} of {manifest.height:,} files are no images by name and content ({counted_endings(other)}), for "
        f"example {first_five(other.head(2))}. If that is right, list their names in ingest.skip, for example '*.txt'"
    ]


def _proposal(paths: pl.Series) -> str:
    """What to write instead of a pattern that does not match."""
    names = paths.to_list()
    if all("/" not in name for name in names):
        return "Describe these paths"
    return f"Try {propose_pattern(names)!r}; darkroom labels shows what a pattern makes of a folder"


def _reasons(bad: pl.DataFrame) -> str:
    """Counts the reasons and gives five examples, of as many reasons as there are."""
    counted = bad.group_by("reason").len().sort("len", "reason", descending=[True, False]).rows()
    if not counted:
        return "(all are skipped)"
    examples = bad.with_columns(turn=pl.int_range(pl.len()).over("reason")).sort("turn", "id").head(5)
    shown = "; ".join(f"{image_id}: {message}" for image_id, message in examples.select("id", "message").rows())
    return f"({', '.join(f'{count:,} {reason}' for reason, count in counted)}), for example {shown}"


def _features(pictures: pl.DataFrame) -> Features:
    content = b"".join(pictures["fingerprint"].to_list())
    return np.frombuffer(content, dtype=np.float16).reshape(-1, LENGTH)


def _facts_of_paths(paths: list[bytes], compiled: re.Pattern[str]) -> pl.DataFrame:
    """What the paths say. They are read from the bytes: the printable form may add a hash, which is no part of a label."""
    read = read_paths([decode_name(path) for path in paths], compiled)
    return pl.DataFrame(list(map(_path_row, read)), schema=FACTS, orient="row")


def _path_row(fact: PathFacts | None) -> tuple[str | None, str | None, str | None, str | None]:
    if fact is None:
        return None, None, None, None
    return _shown(fact.label), _shown(fact.group), fact.given_split, _shown(fact.origin)


def _shown(word: str | None) -> str | None:
    return None if word is None else printable(encode_name(word))


def _quarantine(rows: pl.DataFrame, where: pl.Expr, *, reason: str, message: pl.Expr) -> pl.DataFrame:
    """Gives a reason and a message to rows that have none yet."""
    new = where & pl.col("reason").is_null()
    return rows.with_columns(
        reason=pl.when(new).then(pl.lit(reason)).otherwise("reason"),
        message=pl.when(new).then(message).otherwise("message"),
    )


def _mark_conflicts(rows: pl.DataFrame, config: IngestConfig) -> pl.DataFrame:
    """Adds `conflict`, true where the same pixels have another label elsewhere. Quarantines these if the section says so."""
    good = pl.col("reason").is_null()
    twins = pl.col("id").filter(good).sort().over("digest", mapping_strategy="join")
    several = pl.col("label").filter(good).n_unique().over("digest") > 1
    rows = rows.with_columns(conflict=good & pl.col("digest").is_not_null() & several, twins=twins.list.head(5))
    message = pl.format("the same pixels stand under several labels: {}", pl.col("twins").list.join(", "))
    if config.label_conflict == "quarantine":
        rows = _quarantine(rows, pl.col("conflict"), reason="label_conflict", message=message)
    return rows.drop("twins")


def _quarantine_small_classes(rows: pl.DataFrame, config: IngestConfig) -> pl.DataFrame:
    """Quarantines classes of too few pictures. Without this, one file in a wrong folder would be a class and stop the split.

    Distinct pictures count: copies and near duplicates go to one split together and fill no other.
    """
    good = pl.col("reason").is_null()
    files = good.sum().over("label")
    pictures = pl.coalesce("cluster", "digest", "id").filter(good).n_unique().over("label")
    least = pl.lit(config.min_class_images)
    message = (
        pl.when(pictures == files)
        .then(pl.format("too few usable images of class {}: {}; ingest.min_class_images = {}", "label", files, least))
        .otherwise(
            pl.format(
                "too few distinct pictures of class {}: {} in {} images, copies and near duplicates counted once; "
                "ingest.min_class_images = {}",
                "label",
                pictures,
                files,
                least,
            )
        )
    )
    return _quarantine(rows, pictures < config.min_class_images, reason="small_class", message=message)


def _add_near_duplicates(rows: pl.DataFrame) -> pl.DataFrame:
    good = pl.col("status") == "ok"
    others = pl.col("digest").filter(good).n_unique().over("cluster") > 1
    smallest = pl.col("id").filter(good).min().over("cluster")
    return rows.with_columns(near_duplicate=pl.when(good & pl.col("cluster").is_not_null() & others).then(smallest))


def _add_perceptual_hash(rows: pl.DataFrame) -> pl.DataFrame:
    seen = rows.select("fingerprint").with_row_index("row").drop_nulls()
    values = pl.DataFrame({"row": seen["row"], "perceptual_hash": [f"{value:016x}" for value in hashes_of(_features(seen))]})
    return rows.with_row_index("row").join(values, on="row", how="left", maintain_order="left").drop("row")


def _add_issues(rows: pl.DataFrame, config: IngestConfig) -> pl.DataFrame:
    good = usable(rows)
    named = [pl.when(holds).then(pl.lit(issue)) for issue, holds in _OTHER_ISSUES.items()]
    others = good.select(pl.concat_list(named).list.drop_nulls()).to_series()
    issues = good.select("path", issues=find_issues(good, config.quality).list.concat(others))
    return rows.join(issues, on="path", how="left", maintain_order="left")


_OTHER_ISSUES = {
    "doubtful_bytes": pl.col("doubt").is_not_null(),
    "label_conflict": pl.col("conflict"),
    "near_label_conflict": pl.col("near_duplicate").is_not_null() & (pl.col("label").n_unique().over("near_duplicate") > 1),
}
ALL_ISSUES = (*ISSUES, *_OTHER_ISSUES)
"""What the manifest may say of an image that is used."""
