"""Brings every image to one shape and writes the shards."""

from dataprep.assignment import EXCLUDED, read_split, with_split
from dataprep.manifest import read_manifest, usable
from dataprep.prepare import READ, prepare_images
from dataprep.source import locate_source
from dataprep.transforms import shape_of
from pipelines.command import PathOption, PlaceOutputOption, run, track
from pipelines.params import read_params


def main(embedded: PathOption, manifest: PathOption, split: PathOption, prepared: PlaceOutputOption) -> None:
    params = read_params()
    images = with_split(usable(read_manifest(manifest, [*READ, "status"])), read_split(split, ["id", "split"]))
    written = prepare_images(
        images,
        prepared,
        source=locate_source(params.ingest.source, embedded),
        decode=params.ingest.decode,
        prepare=params.prepare,
        execute=params.execute,
    )
    shards = list(
        track(
            written, title="prepare", total=int((images["split"] != EXCLUDED).sum()), count=lambda shard: shard.entry.num_images
        )
    )
    height, width, num_channels = shape_of(params.prepare)
    print(
        f"prepare: {sum(shard.entry.num_images for shard in shards):,} images -> {len(shards):,} shards "
        f"of {height} x {width} x {num_channels} ({sum(shard.made for shard in shards):,} written, the others were there)"
    )


if __name__ == "__main__":
    run(main)
