"""Lets a published model answer the validation and test images of today, in a process of its own, which loads TensorFlow.

`python -m pipelines.versions.predict_with_published --model published/v3/model.keras --prepared data/prepared --predictions O`
"""

from pipelines.environment_variables import settle

settle()  # before any library reads it

from pipelines.run.program import run_program
from pipelines.run.stage_runner import need_docstrings, need_temporary_folder

run_program(need_temporary_folder)  # without one tensorflow cannot be imported
run_program(need_docstrings)

from models.train.quick_keras_import import load_keras

load_keras()  # before any other module imports it

import polars as pl

from dataprep.core.artifacts import write_table
from dataprep.feed.batches import ordered_batches
from dataprep.store.shards import read_index
from models.compare.gate import HELD_OUT
from models.evaluate.predict import load_model
from models.evaluate.predictions import PREDICTIONS, predictions_frame
from models.train.keras_environment import settle_keras, threads_of
from pipelines.parameters.params import read_params
from pipelines.run.stage_runner import OutputOption, PathOption, PlaceOption, run


def main(model: PathOption, prepared: PlaceOption, predictions: OutputOption) -> None:
    batch_size = read_params().evaluate.batch_size
    settle_keras(threads_of(model))
    index = read_index(prepared, stage="prepare")
    classifier = load_model(model, index)
    parts = [
        predictions_frame(ids, split, labels, classifier.predict_on_batch(images), index.class_names)
        for split in HELD_OUT
        for images, labels, ids in ordered_batches(prepared, split, batch_size)
    ]
    write_table(predictions, pl.concat(parts).sort("id"), PREDICTIONS)
    print(f"published: {sum(part.height for part in parts):,} images answered by {model}")


if __name__ == "__main__":
    run(main)
