"""What ingest prints of a manifest: the class table, what is not used and why, what is unusual, and the summary line."""

import polars as pl

from dataprep.core.errors import first_five
from dataprep.store.manifest import find_copies, usable
from pipelines.run.printed_names import print_table

_STATUS_AND_REASON = (
    pl.when(pl.col("reason") == "skipped").then(pl.lit("skipped by name")).otherwise(pl.format("{}: {}", "status", "reason"))
)


def print_summary(rows: pl.DataFrame, *, num_read: int, num_known: int) -> None:
    """Prints them.

    Args:
        rows: the manifest.
        num_read: how many files were read in this run.
        num_known: how many were known from an earlier one.
    """
    good = usable(rows)
    sizes = pl.format("{} x {}", "height", "width")
    summary = good.group_by("label").agg(pl.len(), pl.col("group").n_unique(), sizes.unique().sort()).sort("label")
    has_groups = good["group"].null_count() < good.height
    classes = [
        (label, f"{count:,}", f"{groups:,}" if has_groups else "-", first_five(seen_sizes).replace("'", ""))
        for label, count, groups, seen_sizes in summary.rows()
    ]
    print_table(("class", "images", "groups", "sizes (h x w)"), classes)
    unused = rows.filter(pl.col("status") != "ok").select("id", what=_STATUS_AND_REASON, note="message")
    unusual = good.select("id", what="issues", note=pl.lit("")).explode("what").drop_nulls("what")
    copies = find_copies(good).filter(pl.col("id") != pl.col("first"))
    copied = copies.select("id", what=pl.lit("copy of another file"), note=pl.format("same picture as {}", "first"))
    remarks = pl.concat([unused, pl.concat([unusual, copied]).with_columns(what=pl.format("used, but {}", "what"))])
    if remarks.height:
        counted = remarks.group_by("what").agg(pl.len(), pl.col("id", "note").sort_by("id").first())
        examples = [
            (what, f"{count:,}", f"{image_id}: {note}" if note else image_id)
            for what, count, image_id, note in counted.sort("what").rows()
        ]
        print_table(("not used, or unusual", "files", "for example"), examples)
    counts = dict(rows.group_by("status").len().rows())
    animated = good.filter(pl.col("num_frames") > 1).height
    if animated:
        print(f"ingest: of {animated:,} images with several frames the first is used")
    corrected = rows.group_by("correction").len().drop_nulls().sort("len", "correction", descending=[True, False])
    listed = ", ".join(f"{count:,} {correction}" for correction, count in corrected.rows())
    print(
        f"ingest: {rows.height:,} files ({num_read:,} read, {num_known:,} known) -> "
        f"{good.height:,} ok / {counts.get('quarantined', 0):,} quarantined / {counts.get('skipped', 0):,} skipped; "
        f"{summary.height:,} classes, {copies.height:,} exact copies, "
        f"{good['near_duplicate'].drop_nulls().n_unique():,} clusters of near duplicates"
        + (f"; corrections: {listed}" if listed else "")
    )
