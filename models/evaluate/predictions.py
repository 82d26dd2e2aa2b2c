"""The table of predictions: every image of every split, with the probability of each class."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.config.base import SPLITS
from dataprep.core.artifacts import TableFormat, check_table, read_table
from dataprep.core.column_constraints import NO_CONTROLS, Values
from dataprep.core.errors import ArtifactError
from dataprep.store.split_table import EXCLUDED
from models.train.probability_columns import PROBABILITIES, PROBABILITY, PROBABLE, probability_columns

PREDICTIONS = TableFormat(
    kind="predictions",
    version=1,
    columns={
        "id": pl.String(),
        "split": pl.String(),
        "label": pl.String(),  # class names, not numbers: the table is read by people
        "predicted": pl.String(),
        "confidence": pl.Float32(),  # probability of the predicted class
        "loss": pl.Float32(),  # -log of the probability of the true class, whatever train.loss is
    },
    stage="evaluate",
    values={
        "id": Values(pattern=NO_CONTROLS, ascending=True),
        "split": Values(among=SPLITS),
        "label": Values(),
        "predicted": Values(),
        "confidence": PROBABLE,
        "loss": Values(least=0),
    },
    family=PROBABILITIES,
)


def read_predictions(path: Path, split: pl.DataFrame) -> pl.DataFrame:
    """Reads the predictions of the images of a split table.

    Args:
        path: the file.
        split: the table, from `dataprep.store.split_table`.

    Raises:
        ArtifactError: also where the predictions are of other images, or name a class that has no probability.
    """
    rows = read_table(path, PREDICTIONS)
    used = split.filter(pl.col("split") != EXCLUDED).select("id", "split")
    if not rows.select("id", "split").equals(used):
        raise ArtifactError(
            f"{path} must hold the {used.height:,} images of the split, each where it stands there; it holds {rows.height:,} "
            "others. Run: dvc repro evaluate"
        )
    classes = Values(among=tuple(class_names_of(rows)) or ("",))
    check_table(path, rows.select("label", "predicted"), replace(PREDICTIONS, values={"label": classes, "predicted": classes}))
    return rows


def predictions_frame(
    ids: list[str], split: str, labels: NDArray[np.int64], probabilities: NDArray[np.float32], class_names: list[str]
) -> pl.DataFrame:
    """Makes the rows of one split.

    Args:
        ids: of N images.
        split: where they stand.
        labels: (N,) true classes.
        probabilities: (N, num_classes).
        class_names: one per column of the probabilities.
    """
    predicted = probabilities.argmax(axis=1)
    rows = np.arange(len(labels))
    names = np.array(class_names, dtype=object)
    true_probability = np.maximum(probabilities[rows, labels], np.finfo(np.float32).tiny)  # a loss stays finite
    return pl.DataFrame(
        {
            "id": ids,
            "split": [split] * len(ids),
            "label": names[labels].tolist(),
            "predicted": names[predicted].tolist(),
            "confidence": probabilities[rows, predicted],
            "loss": -np.log(true_probability) + np.float32(0),  # + 0: no negative zero
            **probability_columns(probabilities, class_names),
        },
        schema_overrides=PREDICTIONS.columns,
    )


def with_clusters(predictions: pl.DataFrame, split: pl.DataFrame) -> pl.DataFrame:
    """Sets beside each prediction the cluster of its image, the unit of every interval and test.

    Args:
        predictions: the table of predictions.
        split: the split table; id and cluster are read.

    Raises:
        ArtifactError: the split lacks an image.
    """
    joined = predictions.join(split.select("id", "cluster"), on="id", how="left", maintain_order="left")
    lacking = joined["cluster"].null_count()
    if lacking:
        raise ArtifactError(
            f"the predictions and the split must be of the same images; {lacking:,} of {joined.height:,} are in no split, for "
            f"example {joined.filter(pl.col('cluster').is_null())['id'][0]!r}. Run: dvc repro"
        )
    return joined


def probabilities_of(predictions: pl.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The probabilities (N, num_classes) of predictions, and the true classes (N,) as numbers."""
    names = class_names_of(predictions)
    probabilities = predictions.select(f"{PROBABILITY}{name}" for name in names).to_numpy().astype(np.float64)
    numbers = {name: number for number, name in enumerate(names)}
    return probabilities, np.array([numbers[label] for label in predictions["label"]], dtype=np.int64)


def class_names_of(predictions: pl.DataFrame) -> list[str]:
    """The class names, in the order of their integer labels."""
    return [name.removeprefix(PROBABILITY) for name in predictions.columns if name.startswith(PROBABILITY)]
