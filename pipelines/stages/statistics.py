"""Measures mean and standard deviation of the train images."""

from pipelines.environment_variables import settle

settle()  # before any library reads it

from dataprep.store.statistics import measure_train, write_statistics
from pipelines.parameters.params import read_params
from pipelines.run.stage_runner import OutputOption, PlaceOption, run


def main(prepared: PlaceOption, statistics: OutputOption) -> None:
    params = read_params()
    measured = measure_train(prepared, params.statistics)
    write_statistics(statistics, measured)
    mean, divisor = measured.scaling()
    print(
        f"statistics: {measured.num_images:,} train images, per {measured.per}: "
        f"mean {mean.mean():.1f}, standard deviation {divisor.mean():.1f} gray levels"
    )


if __name__ == "__main__":
    run(main)
