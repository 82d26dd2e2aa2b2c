"""Predicts every image of every split with the saved model."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before the import: no lines about CUDA on machines without it

from pipelines.command import need_temporary_folder, run_program

run_program(need_temporary_folder)  # without one tensorflow cannot be imported

import polars as pl

from dataprep.config import SPLITS
from dataprep.shards import read_index
from models.evaluate import load_model, predict
from models.predictions import write_predictions
from pipelines.command import OutputOption, PathOption, PlaceOption, run, track
from pipelines.params import read_params


def main(prepared: PlaceOption, model: PathOption, predictions: OutputOption) -> None:
    params = read_params()
    index = read_index(prepared, stage="prepare")
    network = load_model(model)
    batches = predict(network, prepared, params.evaluate)
    total = sum(entry.num_images for entry in index.shards)
    rows = pl.concat(list(track(batches, title="evaluate", total=total, count=len))).sort("id")
    write_predictions(predictions, rows)
    correct = rows.group_by("split").agg((pl.col("label") == pl.col("predicted")).mean().alias("accuracy"))
    accuracies = dict(correct.rows())
    shown = " / ".join(f"{name} {accuracies[name]:.4f}" for name in SPLITS)
    print(f"evaluate: {rows.height:,} images -> accuracy {shown}")


if __name__ == "__main__":
    run(main)
