"""No skew and no loss of speed: raw files through `Predictor` against `evaluate`, on the same images.

Run where a line was run (the recipe mnist-cnn, say), with the folder that the ids are relative to:

    python -m benchmarks.predicting --raw raw/mnist

First the probabilities of the split's files are compared with artifacts/predictions.parquet. Then both ways take turns, with
the network loaded and traced: `evaluate` from prepared shards (probabilities, features and facts), and the way of the command
from raw files (guarded processes; probabilities, features, figures, what is unlike). The start of the processes is left out:
the clock of "after start" begins when their first images are there, which are not counted.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import polars as pl
import typer

from dataprep.store.shards import read_index
from dataprep.store.split_table import read_split
from models.evaluate.predictions import read_predictions
from models.predict.isolated_preparation import FileToRead, prepare_guarded
from models.predict.prediction import Prediction
from models.predict.predictor import Predictor
from models.train.probability_columns import PROBABILITY
from pipelines.environment_variables import settle
from pipelines.parameters.params import read_params

_CLOSE = 1e-6


def main(
    raw: Annotated[Path, typer.Option(help="The folder that ids are relative to.")],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    repeats: Annotated[int, typer.Option(help="Turns of each way.")] = 5,
) -> None:
    settle()
    params = read_params()
    predictor = Predictor.load("artifacts/model.keras", limits=params.ingest.limits)
    rows = read_predictions(Path("artifacts/predictions.parquet"), read_split(Path("data/split.parquet")))
    rows = rows.filter(pl.col("split") == split)
    files = [FileToRead(name, raw, name.encode(), (raw / name).stat().st_size) for name in rows["id"]]

    rates: list[float] = []

    def predict_files() -> list[Prediction]:
        chunks = prepare_guarded(files, predictor.preparation.index, params.ingest.limits, params.execute, figures=True)
        first = next(chunks)
        begun = time.perf_counter()
        found = [own for chunk in chunks for own in predictor.classify(chunk)]
        rates.append(len(found) / (time.perf_counter() - begun))
        return [*predictor.classify(first), *found]

    found = np.stack([own.probabilities for own in predict_files()])
    expected = rows.select(pl.col(f"^{PROBABILITY}.*$")).to_numpy()
    gaps = np.abs(found - expected).max(axis=1)
    print(f"{(gaps <= _CLOSE).sum():,} of {len(gaps):,} rows within {_CLOSE:g}; the largest difference is {gaps.max():.2g}")
    evaluate_split = evaluator(split)
    evaluate_split()
    seconds: dict[str, list[float]] = {"evaluate": [], "predict": []}
    rates.clear()
    for _ in range(repeats):
        seconds["evaluate"].append(timed(evaluate_split))
        seconds["predict"].append(timed(predict_files))
    for name, measured in seconds.items():
        print(f"{name}: {len(files) / median(measured):,.0f} images/s (median of {repeats})")
    print(f"predict, after start: {median(rates):,.0f} images/s")
    ratios = sorted(rate * took / len(files) for rate, took in zip(rates, seconds["evaluate"], strict=True))
    print(f"predict after start / evaluate: {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


def evaluator(split: str) -> Callable[[], object]:
    """What the stage `evaluate` does with the images of one split."""
    from models.evaluate import predict as evaluation

    prepared, config = Path("data/prepared"), read_params().evaluate
    classifier = evaluation.load_model(Path("artifacts/model.keras"), read_index(prepared, stage="prepare"))
    projection = evaluation.projection_of(classifier, prepared, config)
    evaluation.SPLITS = (split,)  # type: ignore[attr-defined,assignment]
    return lambda: list(evaluation.predict(classifier, prepared, config, projection))


def timed(run: Callable[[], object]) -> float:
    """Seconds."""
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


if __name__ == "__main__":
    typer.run(main)
