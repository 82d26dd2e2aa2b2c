"""Brings every image to one shape and writes the shards."""

from pipelines.environment_variables import settle

settle()  # before any library reads it

from dataprep.prepare.kept_detail import SIZES, measure_detail, warn_of_little_detail
from dataprep.prepare.packing import READ, prepare_images
from dataprep.prepare.transforms import shape_of
from dataprep.source.raw_folder import locate_source
from dataprep.store.manifest import read_manifest, usable
from dataprep.store.split_table import EXCLUDED, read_split, with_split
from pipelines.parameters.params import read_params
from pipelines.run.stage_runner import PathOption, PlaceOutputOption, run, track


def main(embedded: PathOption, manifest: PathOption, split: PathOption, prepared: PlaceOutputOption) -> None:
    params = read_params()
    config = params.prepare
    images = with_split(usable(read_manifest(manifest, [*READ, *SIZES, "status"])), read_split(split, ["id", "split"]))
    written = prepare_images(
        images,
        prepared,
        source=locate_source(params.ingest.source, embedded),
        decode=params.ingest.decode,
        prepare=config.pixels,
        execute=params.execute,
    )
    shards = list(
        track(
            written, title="prepare", total=int((images["split"] != EXCLUDED).sum()), count=lambda shard: shard.entry.num_images
        )
    )
    height, width, num_channels = shape_of(config)
    detail = measure_detail(images, config)
    for warning in warn_of_little_detail(detail, config.warn_below_fraction):
        print(f"warning: {warning}")
    print(
        f"prepare: {sum(shard.entry.num_images for shard in shards):,} images -> {len(shards):,} shards "
        f"of {height} x {width} x {num_channels} ({sum(shard.made for shard in shards):,} written, the others were there); "
        f"{detail.sentence}"
    )


if __name__ == "__main__":
    run(main)
