"""What a run answered to each image, and what it must be counted with: the cluster of the image."""

from pathlib import Path

import polars as pl

from dataprep.store.split_table import read_split
from models.evaluate.predictions import read_predictions, with_clusters


def read_answers(predictions: Path, split: Path) -> pl.DataFrame:
    """Reads the answers of one run.

    Args:
        predictions: the table that evaluate made.
        split: the table that split made, in the same run.

    Returns:
        One row for each image: id, split, label, predicted, confidence, cluster, right.

    Raises:
        ArtifactError: a table is missing or damaged, or they are of different runs.
    """
    assigned = read_split(split)
    rows = with_clusters(read_predictions(predictions, assigned), assigned)
    return rows.select(
        "id", "split", "label", "predicted", "confidence", "cluster", right=pl.col("label") == pl.col("predicted")
    )
