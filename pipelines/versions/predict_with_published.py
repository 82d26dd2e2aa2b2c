"""Lets a published model look at images of today, in a process of its own, which loads TensorFlow.

`python -m pipelines.versions.predict_with_published --model published/v3/model.keras --prepared data/prepared
--manifest data/manifest.parquet --wanted IN --looks OUT`
"""

from pipelines.environment_variables import settle

settle()  # before any library reads it

from pipelines.run.program import run_program
from pipelines.run.stage_runner import need_docstrings, need_temporary_folder

run_program(need_temporary_folder)  # without one tensorflow cannot be imported
run_program(need_docstrings)

from models.train.quick_keras_import import load_keras

load_keras()  # before any other module imports it

from pathlib import Path

from dataprep.core.artifacts import read_table, write_table
from dataprep.core.errors import ArtifactError
from models.compare.looks_table import LOOKS, WANTED
from models.compare.published_looks import look_at
from models.evaluate.predict import load_model
from models.evaluate.reference import Reference, read_reference
from models.evaluate.usual_facts import read_sizes
from models.predict.recipe import read_preparation
from models.train.keras_environment import settle_keras, threads_of
from pipelines.parameters.params import read_params
from pipelines.run.stage_runner import OutputOption, PathOption, PlaceOption, run


def main(model: PathOption, prepared: PlaceOption, manifest: PathOption, wanted: PathOption, looks: OutputOption) -> None:
    settle_keras(threads_of(model))
    index, sizes, images = read_preparation(model), read_sizes(manifest), read_table(wanted, WANTED)
    found = look_at(
        load_model(model, index),
        index.class_names,
        _reference_of(model, index.class_names),
        prepared=prepared,
        sizes=sizes,
        wanted=images,
        batch_size=read_params().evaluate.batch_size,
    )
    write_table(looks, found, LOOKS)
    print(f"published: {found.height:,} images looked at by {model}")


def _reference_of(model: Path, class_names: list[str]) -> Reference | None:
    """None where it is missing, damaged or of another version: prediction goes on without one too."""
    try:
        return read_reference(model.with_name("reference.npz"), model, class_names)
    except ArtifactError:
        return None


if __name__ == "__main__":
    run(main)
