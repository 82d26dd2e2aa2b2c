"""Brings every image to one shape and writes the shards."""

from dataprep.assignment import read_split
from dataprep.manifest import read_manifest, usable
from dataprep.prepare import prepare_images, shape_of
from dataprep.source import locate_source
from pipelines.command import OutputOption, PathOption, run, track
from pipelines.params import read_params


def main(embedded: PathOption, manifest: PathOption, split: PathOption, prepared: OutputOption) -> None:
    params = read_params()
    images = usable(read_manifest(manifest)).join(read_split(split), on="id")
    written = prepare_images(
        images,
        prepared,
        source=locate_source(params.ingest.source, embedded),
        decode=params.ingest.decode,
        prepare=params.prepare,
        execute=params.execute,
    )
    entries = list(track(written, title="prepare", total=images.height, count=lambda entry: entry.num_images))
    height, width, num_channels = shape_of(params.prepare)
    print(
        f"prepare: {sum(entry.num_images for entry in entries):,} images -> {len(entries):,} shards "
        f"of {height} x {width} x {num_channels}"
    )


if __name__ == "__main__":
    run(main)
