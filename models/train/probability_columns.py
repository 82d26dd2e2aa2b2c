"""Columns of tables that hold one probability per class: of predictions, and of train images by folds."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.core.artifacts import Family
from dataprep.core.column_constraints import Values

PROBABILITY = "probability_"
"""Prefix of their names; the class name follows."""

LARGEST_PROBABILITY = 1.00001
"""Softmax rounds."""

PROBABLE = Values(least=0, most=LARGEST_PROBABILITY)

PROBABILITIES = Family(PROBABILITY, pl.Float32(), PROBABLE)


def probability_columns(probabilities: NDArray[np.float32], class_names: list[str]) -> dict[str, NDArray[np.float32]]:
    """The columns (N,) of probabilities (N, num_classes), by name."""
    return {f"{PROBABILITY}{name}": probabilities[:, column] for column, name in enumerate(class_names)}
