"""Lists, reads and checks every file of the raw folder; writes the manifest."""

from pipelines.environment import settle

settle()  # before any library reads it

import polars as pl
from rich.console import Console
from rich.table import Table

from dataprep.core.errors import first_five
from dataprep.decode.value_range import check_levels, describe_levels, out_of_date, with_levels
from dataprep.execute.tasks import num_workers
from dataprep.ingest.build_manifest import (
    build_manifest,
    check_pattern,
    check_quarantined,
    check_usable,
    cluster_pictures,
    find_ranges,
    ingest_warnings,
    still_clustered,
)
from dataprep.ingest.examine import FACTS, examine
from dataprep.ingest.scan_cache import read_known, remembered, write_known
from dataprep.source.path_pattern import compile_pattern
from dataprep.source.raw_folder import check_still_there, list_source
from dataprep.source.unknown_folders import check_folders, folder_warnings
from dataprep.store.manifest import find_copies, usable, write_manifest
from pipelines.command import OutputOption, PathOption, run, track
from pipelines.params import read_params
from pipelines.raw_folder import locate_raw_folder


def main(embedded: PathOption, scan_cache: OutputOption, manifest: OutputOption) -> None:
    params = read_params()
    config, execute = params.ingest, params.execute
    compile_pattern(config.pattern)  # a wrong pattern is said before the reading, not after
    source = locate_raw_folder(config.source, embedded)
    listed = list_source(source, config.skip)
    found = listed.files
    check_pattern(found, config)
    check_folders(found, config.pattern)
    known = read_known(scan_cache, found, folder=source, config=config)
    unseen = found.filter(pl.col("reason").is_null()).join(known.facts, on="path", how="anti")
    guess = with_levels(config.decode, find_ranges(known.facts, config))
    looks = examine(unseen, source=source, decoding=guess, limits=config.limits, execute=execute)
    looks = remembered(looks, scan_cache, found, known, folder=source, config=config)
    new = list(track(looks, title="ingest", total=unseen.height, count=len))
    seen = pl.concat([known.facts, *new, pl.DataFrame(schema=FACTS)])
    levels = find_ranges(seen, config)  # over all images: only now it is known what of more than 8 bits is black and white
    check_levels(levels, seen["sample_type"], config.decode, max_fraction=config.max_quarantined_fraction)
    changed = out_of_date(seen, levels)
    again = found.join(changed, on="path", how="semi")
    decoding = with_levels(config.decode, levels)
    looks = examine(again, source=source, decoding=decoding, limits=config.limits, execute=execute)
    scaled = list(track(looks, title="ingest", total=again.height, count=len))
    check_still_there(source)
    seen = pl.concat([seen.join(changed, on="path", how="anti"), *scaled])
    old_clusters = still_clustered(known.clusters, changed)
    clusters = cluster_pictures(seen, old_clusters, config, workers=num_workers(execute))
    write_known(scan_cache, found, seen, clusters, folder=source, config=config)
    rows = build_manifest(found, seen, clusters, config)
    check_usable(rows, config)
    write_manifest(manifest, rows)
    show(rows, num_read=unseen.height, num_known=known.facts.height)
    print("".join(f"{line}\n" for line in describe_levels(usable(rows), known.facts, config.decode)), end="")
    empty = folder_warnings(found, listed.empty_folders, config.pattern, rows["label"].drop_nulls())
    warn([*empty, *ingest_warnings(rows, config)])
    check_quarantined(rows, config)  # after the writing: one must be able to look at what is wrong


_STATUS_AND_REASON = (
    pl.when(pl.col("reason") == "skipped").then(pl.lit("skipped by name")).otherwise(pl.format("{}: {}", "status", "reason"))
)


def warn(warnings: list[str]) -> None:
    for warning in warnings:
        print(f"warning: {warning}")


def show(rows: pl.DataFrame, *, num_read: int, num_known: int) -> None:
    """Prints the class table, what is not used and why, what is unusual, and the summary line."""
    console = Console(markup=False, emoji=False, highlight=False)  # class names are other people's text
    good = usable(rows)
    table = Table("class", "images", "groups", "sizes (h x w)")
    sizes = pl.format("{} x {}", "height", "width")
    summary = good.group_by("label").agg(pl.len(), pl.col("group").n_unique(), sizes.unique().sort()).sort("label")
    has_groups = good["group"].null_count() < good.height
    for label, count, groups, seen_sizes in summary.rows():
        table.add_row(label, f"{count:,}", f"{groups:,}" if has_groups else "-", first_five(seen_sizes).replace("'", ""))
    console.print(table)
    unused = rows.filter(pl.col("status") != "ok").select("id", what=_STATUS_AND_REASON, note="message")
    unusual = good.select("id", what="issues", note=pl.lit("")).explode("what").drop_nulls("what")
    copies = find_copies(good).filter(pl.col("id") != pl.col("first"))
    copied = copies.select("id", what=pl.lit("copy of another file"), note=pl.format("same picture as {}", "first"))
    remarks = pl.concat([unused, pl.concat([unusual, copied]).with_columns(what=pl.format("used, but {}", "what"))])
    if remarks.height:
        table = Table("not used, or unusual", "files", "for example")
        counted = remarks.group_by("what").agg(pl.len(), pl.col("id", "note").sort_by("id").first())
        for what, count, image_id, note in counted.sort("what").rows():
            table.add_row(what, f"{count:,}", f"{image_id}: {note}" if note else image_id)
        console.print(table)
    counts = dict(rows.group_by("status").len().rows())
    animated = good.filter(pl.col("num_frames") > 1).height
    if animated:
        print(f"ingest: of {animated:,} images with several frames the first is used")
    print(
        f"ingest: {rows.height:,} files ({num_read:,} read, {num_known:,} known) -> "
        f"{good.height:,} ok / {counts.get('quarantined', 0):,} quarantined / {counts.get('skipped', 0):,} skipped; "
        f"{summary.height:,} classes, {copies.height:,} exact copies, "
        f"{good['near_duplicate'].drop_nulls().n_unique():,} clusters of near duplicates"
    )


if __name__ == "__main__":
    run(main)
