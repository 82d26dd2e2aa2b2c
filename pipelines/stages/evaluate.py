"""Predicts every image of every split with the saved model, and tests its robustness to each operation."""

from pipelines.environment import settle

settle()  # before any library reads it

from pipelines.stage_command import need_docstrings, need_temporary_folder, run_program

run_program(need_temporary_folder)  # without one tensorflow cannot be imported
run_program(need_docstrings)

from models.train.keras_start import load_keras

load_keras()  # before any other module imports it

from collections.abc import Mapping

import polars as pl

from dataprep.config.base import SPLITS
from dataprep.core.artifacts import encode_document, encode_table, write_files
from dataprep.store.shards import read_index
from dataprep.store.split_table import read_split
from models.evaluate.feature_table import FEATURES
from models.evaluate.image_facts import IMAGE_FACTS
from models.evaluate.predict import denoiser_of, load_model, predict, projection_of
from models.evaluate.predictions import PREDICTIONS
from models.evaluate.reference import encode_reference
from models.evaluate.robustness import Robustness, measure_robustness
from models.train.keras_environment import settle_keras, threads_of
from pipelines.params import read_params
from pipelines.stage_command import OutputOption, PathOption, PlaceOption, run, track


def main(
    prepared: PlaceOption,
    split: PathOption,
    model: PathOption,
    predictions: OutputOption,
    facts: OutputOption,
    features: OutputOption,
    robustness: OutputOption,
    reference: OutputOption,
) -> None:
    params = read_params()
    settle_keras(threads_of(model))
    index = read_index(prepared, stage="prepare")
    classifier = load_model(model, index)
    projection = projection_of(classifier, prepared, params.evaluate)
    total = sum(entry.num_images for entry in index.shards)
    seen = list(track(predict(classifier, prepared, params.evaluate, projection), title="evaluate", total=total, count=len))
    rows, measured, reduced = (
        pl.concat(parts).sort("id") for parts in zip(*[(own.predictions, own.facts, own.features) for own in seen], strict=True)
    )
    tried = measure_robustness(
        classifier.predict_on_batch,
        prepared,
        read_split(split),
        params.augment,
        params.evaluate,
        threshold=params.model.acceptance_threshold,
        denoiser=denoiser_of(classifier.network),
    )
    write_files(
        {
            predictions: encode_table(rows, PREDICTIONS),
            facts: encode_table(measured, IMAGE_FACTS),
            features: encode_table(reduced, FEATURES),
            robustness: encode_document(tried),
            reference: encode_reference(model, rows, measured, reduced, projection),
        }
    )
    correct = rows.group_by("split").agg((pl.col("label") == pl.col("predicted")).mean().alias("accuracy"))
    _say(rows.height, dict(correct.rows()), tried)


def _say(num_images: int, accuracies: Mapping[str, float], tried: Robustness) -> None:
    shown = " / ".join(f"{name} {accuracies[name]:.4f}" for name in SPLITS)
    print(f"evaluate: {num_images:,} images -> accuracy {shown}")
    for name, mixtures in tried.superposed.items():
        print(f"evaluate: {mixtures.images:,} superposed {name} images -> exact match {mixtures.exact_match:.4f}")
    for name, denoised in tried.denoised.items():
        print(
            f"evaluate: {denoised.images:,} {name} images with noise of {denoised.noise_std:g} gray levels -> PSNR "
            f"{denoised.psnr_noisy:.2f} dB, denoised {denoised.psnr_denoised:.2f} dB"
        )


if __name__ == "__main__":
    run(main)
