"""Deals the images to train, validation and test; writes the split and its counts."""

from dataprep.artifacts import write_document
from dataprep.manifest import read_manifest, usable
from dataprep.split import measure_split, split_images, write_split
from pipelines.command import PathOption, run
from pipelines.params import read_params


def main(manifest: PathOption, split: PathOption, metrics: PathOption) -> None:
    params = read_params()
    images = usable(read_manifest(manifest))
    rows = split_images(images, params.split)
    measured = measure_split(images, rows)
    write_split(split, rows)
    write_document(metrics, measured)
    for warning in measured.warnings():
        print(f"warning: {warning}")
    counts = " / ".join(f"{name} {count:,}" for name, count in measured.images.items())
    print(
        f"split: {rows.height:,} images -> {counts}; shared between splits: "
        f"{measured.shared.groups} groups, {measured.shared.duplicates} duplicates"
    )


if __name__ == "__main__":
    run(main)
