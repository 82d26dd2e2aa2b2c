"""Lists, reads and checks every file of the raw folder; writes the manifest."""

import polars as pl
from rich.console import Console
from rich.table import Table

from dataprep.errors import first_five
from dataprep.ingest import build_manifest, examine, facts_frame, split_by_cache, write_cache
from dataprep.manifest import usable, write_manifest
from dataprep.pattern import compile_pattern
from dataprep.source import locate_source, scan
from pipelines.command import PathOption, run, track
from pipelines.params import read_params


def main(embedded: PathOption, scan_cache: PathOption, manifest: PathOption) -> None:
    params = read_params()
    config = params.ingest
    compile_pattern(config.pattern)  # a wrong pattern is said before the reading, not after
    source = locate_source(config.source, embedded)
    found = scan(source)
    changed, unchanged = split_by_cache(found, scan_cache, source=source, config=config.decode)
    looks = examine(changed, source=source, config=config.decode, execute=params.execute)
    facts = [fact for chunk in track(looks, title="ingest", total=changed.height, count=len) for fact in chunk]
    seen = pl.concat([unchanged, facts_frame(facts)])
    write_cache(scan_cache, found, seen, source=source, config=config.decode)
    rows = build_manifest(found, seen, config.pattern)
    write_manifest(manifest, rows)
    show(rows, num_read=changed.height)


def show(rows: pl.DataFrame, *, num_read: int) -> None:
    """Prints the class table, what was quarantined, and the summary line."""
    good = usable(rows)
    table = Table("class", "images", "groups", "sizes (h x w)")
    sizes = pl.format("{} x {}", "height", "width")
    summary = good.group_by("label").agg(pl.len(), pl.col("group").n_unique(), sizes.unique().sort()).sort("label")
    has_groups = good["group"].null_count() < good.height
    for label, count, groups, seen_sizes in summary.rows():
        table.add_row(label, f"{count:,}", f"{groups:,}" if has_groups else "-", first_five(seen_sizes).replace("'", ""))
    Console(markup=False, emoji=False, highlight=False).print(table)  # class names are other people's text
    bad = rows.filter(pl.col("status") == "quarantined")
    for image_id, reason, message in bad.select("id", "reason", "message").head(5).rows():
        print(f"quarantined: {image_id}: {reason} ({message})")
    if bad.height > 5:
        print(f"quarantined: {bad.height - 5:,} more; all stand in the manifest with their reasons")
    print(
        f"ingest: {rows.height:,} files ({num_read:,} read, {rows.height - num_read:,} known) -> {good.height:,} ok / "
        f"{bad.height:,} quarantined, {summary.height:,} classes"
    )


if __name__ == "__main__":
    run(main)
