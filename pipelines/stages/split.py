"""Deals the images to train, validation and test; writes the split and its counts."""

from dataprep.artifacts import encode_document, write_files
from dataprep.assignment import encode_split
from dataprep.manifest import read_manifest, usable
from dataprep.proof import measure_split
from dataprep.split import split_images
from pipelines.command import OutputOption, PathOption, run
from pipelines.params import read_params


def main(manifest: PathOption, split: OutputOption, metrics: OutputOption) -> None:
    params = read_params()
    images = usable(read_manifest(manifest))
    rows = split_images(images, params.split)
    measured = measure_split(images, rows, params.split)
    write_files({split: encode_split(rows), metrics: encode_document(measured)})
    for warning in measured.warnings:
        print(f"warning: {warning}")
    counts = " / ".join(f"{name} {count:,}" for name, count in measured.images.items())
    shared = measured.shared.total
    print(
        f"split: {rows.height:,} images -> {counts}; shared between splits: {shared.groups} groups, "
        f"{shared.duplicates} duplicates, {shared.near_duplicates} near duplicates"
    )


if __name__ == "__main__":
    run(main)
