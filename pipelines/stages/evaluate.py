"""Predicts every image of every split with the saved model, and tests its robustness to each operation."""

from pipelines.environment_variables import settle

settle()  # before any library reads it

from pipelines.run.program import run_program
from pipelines.run.stage_runner import need_docstrings, need_temporary_folder

run_program(need_temporary_folder)  # without one tensorflow cannot be imported
run_program(need_docstrings)

from models.train.quick_keras_import import load_keras

load_keras()  # before any other module imports it

from collections.abc import Iterable

import polars as pl

from dataprep.config.base import SPLITS, SplitName
from dataprep.core.artifacts import encode_document, encode_table, write_files
from dataprep.store.shards import read_index
from dataprep.store.split_table import read_split
from models.evaluate.examples import opened_examples
from models.evaluate.feature_table import FEATURES
from models.evaluate.image_facts import IMAGE_FACTS
from models.evaluate.predict import Seen, denoiser_of, load_model, predict, projection_of
from models.evaluate.predictions import PREDICTIONS
from models.evaluate.reference import encode_reference, make_reference
from models.evaluate.robustness import Robustness, measure_robustness
from models.evaluate.robustness_budget import affordable
from models.evaluate.saliency import measure_saliency
from models.evaluate.saliency_table import SALIENCY
from models.evaluate.unlike import Looked, chosen_limits, fit_unlike
from models.evaluate.usual_facts import read_sizes
from models.train.keras_environment import settle_keras, threads_of
from pipelines.parameters.params import read_params
from pipelines.run.stage_runner import OutputOption, PathOption, PlaceOption, run, track


def main(
    manifest: PathOption,
    prepared: PlaceOption,
    split: PathOption,
    model: PathOption,
    predictions: OutputOption,
    facts: OutputOption,
    features: OutputOption,
    robustness: OutputOption,
    reference: OutputOption,
    saliency: OutputOption,
) -> None:
    params = read_params()
    settle_keras(threads_of(model))
    index, assigned, sizes = read_index(prepared, stage="prepare"), read_split(split), read_sizes(manifest)
    classifier = load_model(model, index)
    projection = projection_of(classifier, prepared, params.evaluate)
    total = sum(entry.num_images for entry in index.shards)
    seen = predict(classifier, prepared, params.evaluate, projection)
    (rows, measured, reduced), looked = _collect(track(seen, title="evaluate", total=total, count=len), chosen_limits(prepared))
    threshold, denoiser = params.model.acceptance_threshold, denoiser_of(classifier.network)
    images = affordable(params.evaluate, classifier.network)
    tried = measure_robustness(
        classifier.predict_on_batch, prepared, assigned, params.augment, images, threshold=threshold, denoiser=denoiser
    )
    usual = fit_unlike(looked, sizes, assigned, len(index.class_names))
    known = make_reference(rows, reduced, projection, usual, assigned)
    counts = {"worst_images": params.diagnose.worst_images, "images_per_cell": params.diagnose.images_per_cell}
    examples = opened_examples(rows, params.diagnose.split, **counts)
    write_files(
        {
            predictions: encode_table(rows, PREDICTIONS),
            facts: encode_table(measured, IMAGE_FACTS),
            features: encode_table(reduced, FEATURES),
            robustness: encode_document(tried),
            reference: encode_reference(model, known),
            saliency: encode_table(measure_saliency(classifier, prepared, examples), SALIENCY),
        }
    )
    _say(rows, tried)


def _collect(seen: Iterable[Seen], limits: dict[SplitName, float]) -> tuple[tuple[pl.DataFrame, ...], list[Looked]]:
    """The tables of predictions, facts and features, by id; and the images by which it is found what is usual."""
    parts = [((own.predictions, own.facts, own.features), own.looked.chosen(limits)) for own in seen]
    tables = tuple(pl.concat(part).sort("id") for part in zip(*[rows for rows, _ in parts], strict=True))
    return tables, [looked for _, looked in parts]


def _say(rows: pl.DataFrame, tried: Robustness) -> None:
    correct = rows.group_by("split").agg((pl.col("label") == pl.col("predicted")).mean().alias("accuracy"))
    accuracies = dict(correct.rows())
    shown = " / ".join(f"{name} {accuracies[name]:.4f}" for name in SPLITS)
    print(f"evaluate: {rows.height:,} images -> accuracy {shown}")
    for name, mixtures in tried.superposed.items():
        print(f"evaluate: {mixtures.images:,} superposed {name} images -> exact match {mixtures.exact_match:.4f}")
    for name, denoised in tried.denoised.items():
        print(
            f"evaluate: {denoised.images:,} {name} images with noise of {denoised.noise_std:g} gray levels -> PSNR "
            f"{denoised.psnr_noisy:.2f} dB, denoised {denoised.psnr_denoised:.2f} dB"
        )


if __name__ == "__main__":
    run(main)
