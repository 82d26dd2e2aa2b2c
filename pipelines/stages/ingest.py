"""Lists, reads and checks every file of the raw folder; writes the manifest."""

from pipelines.environment_variables import settle

settle()  # before any library reads it

from collections.abc import Iterator

import polars as pl

from dataprep.config.decode import Decoding
from dataprep.decode.value_range import describe_levels
from dataprep.execute.executor import num_workers
from dataprep.ingest.build_manifest import (
    build_manifest,
    check_pattern,
    check_quarantined,
    check_usable,
    cluster_pictures,
    ingest_warnings,
)
from dataprep.ingest.common_range import examine_in_common_range
from dataprep.ingest.corrections import correction_warnings, read_corrections
from dataprep.ingest.examine import examine
from dataprep.ingest.label_table import find_labels, table_warnings
from dataprep.ingest.scan_cache import read_known, remembered, write_known
from dataprep.source.path_pattern import compile_pattern
from dataprep.source.raw_folder import check_still_there, list_source
from dataprep.source.unlisted_folders import check_folders, folder_warnings
from dataprep.store.manifest import usable, write_manifest
from pipelines.parameters.params import read_params
from pipelines.run.manifest_summary import print_summary
from pipelines.run.stage_runner import OutputOption, PathOption, run, track
from pipelines.workspace.raw_folder import locate_raw_folder


def main(embedded: PathOption, scan_cache: OutputOption, manifest: OutputOption) -> None:
    params = read_params()
    config, execute = params.ingest, params.execute
    compile_pattern(config.pattern)  # a wrong pattern is refused before the reading, not after
    corrections = read_corrections(config.corrections)  # and so are wrong corrections
    source = locate_raw_folder(config.source, embedded)
    listed = list_source(source, config.skip)
    found = listed.files
    check_pattern(found, config)
    check_folders(found, config.path_pattern)
    labels = find_labels(config.labels, found)
    known = read_known(scan_cache, found, folder=source, config=config)

    def examined(files: pl.DataFrame, decoding: Decoding) -> Iterator[pl.DataFrame]:
        looks = examine(files, source=source, decoding=decoding, limits=config.limits, execute=execute)
        return track(looks, title="ingest", total=files.height, count=len)

    def remembering(files: pl.DataFrame, decoding: Decoding) -> Iterator[pl.DataFrame]:
        return remembered(examined(files, decoding), scan_cache, found, known, folder=source, config=config)

    seen = examine_in_common_range(found, known, config, first_pass=remembering, second_pass=examined)
    check_still_there(source)
    clusters = cluster_pictures(seen.facts, seen.clusters, config, workers=num_workers(execute))
    write_known(scan_cache, found, seen.facts, clusters, folder=source, config=config)
    rows = build_manifest(found, seen.facts, clusters, config, corrections=corrections, labels=labels)
    check_usable(rows, config)
    write_manifest(manifest, rows)
    print_summary(rows, num_read=seen.num_new, num_known=known.facts.height)
    empty = folder_warnings(found, listed.empty_folders, config.path_pattern, rows["given_label"].drop_nulls())
    warnings = (*empty, *table_warnings(rows, labels), *correction_warnings(rows, corrections), *ingest_warnings(rows, config))
    for line in (*describe_levels(usable(rows), known.facts, config.decode), *map("warning: {}".format, warnings)):
        print(line)
    check_quarantined(rows, config)  # after the writing: one must be able to look at what is wrong


if __name__ == "__main__":
    run(main)
