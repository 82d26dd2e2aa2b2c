"""Writes the materialised copies of train images, none where augment.copies is 0."""

from pipelines.environment_variables import settle

settle()  # before any library reads it

from dataprep.augment.stored_copies import plan_copies, write_copies
from dataprep.store.shards import read_index
from pipelines.parameters.params import read_params
from pipelines.run.stage_runner import PlaceOption, PlaceOutputOption, run, track


def main(prepared: PlaceOption, augmented: PlaceOutputOption) -> None:
    params = read_params()
    config = params.augment
    num_train = sum(entry.num_images for entry in read_index(prepared, stage="prepare").of_split("train"))
    tasks = plan_copies(prepared, augmented, config)
    total = sum(len(task.rows) for task in tasks)
    written = write_copies(prepared, augmented, tasks, params.execute)
    shards = list(track(written, title="augment", total=total, count=lambda shard: shard.entry.num_images))
    online = "varied anew each epoch" if config.online else "not varied in training"
    print(f"augment: {num_train:,} train images {online}, {total:,} copies in {len(shards):,} shards")


if __name__ == "__main__":
    run(main)
