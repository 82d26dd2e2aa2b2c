"""Assigns the images to train, validation and test; writes the split and its counts."""

from pipelines.environment_variables import settle

settle()  # before any library reads it

from dataprep.core.artifacts import encode_document, write_files
from dataprep.split.moved_images import describe_moves
from dataprep.split.split_methods import split_images
from dataprep.store.group_table import encode_groups
from dataprep.store.manifest import read_manifest, usable
from dataprep.store.split_report import measure_split
from dataprep.store.split_table import encode_split
from pipelines.parameters.params import read_params
from pipelines.run.stage_runner import OutputOption, PathOption, run
from pipelines.workspace.earlier_splits import keep, read_earlier


def main(manifest: PathOption, split: OutputOption, groups: OutputOption, metrics: OutputOption, earlier: PathOption) -> None:
    params = read_params()
    images = usable(read_manifest(manifest))
    rows = split_images(images, params.split)
    measured = measure_split(images, rows, params.split)
    compared = read_earlier(split, earlier)
    table = encode_split(rows)
    write_files({split: table, groups: encode_groups(images, rows), metrics: encode_document(measured)})
    keep(table, earlier)
    moves = describe_moves(compared[0], rows, params.split, earlier=compared[1]) if compared else []
    for warning in [*measured.warnings, *moves]:
        print(f"warning: {warning}")
    counts = " / ".join(f"{name} {count:,}" for name, count in measured.images.items())
    shared = measured.shared.total
    print(
        f"split: {rows.height:,} images -> {counts}; shared between splits: {shared.groups} groups, "
        f"{shared.duplicates} duplicates, {shared.near_duplicates} near duplicates"
    )


if __name__ == "__main__":
    run(main)
