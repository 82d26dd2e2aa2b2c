"""Probabilities for every image of every split, from the saved model alone, without dropout or augmentation."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import polars as pl

from dataprep.artifacts import Place
from dataprep.config import SPLITS
from dataprep.errors import ArtifactError
from dataprep.shards import read_index
from dataprep.stream import ordered_batches
from models.config import EvaluateConfig
from models.predictions import predictions_frame


def load_model(path: Path) -> keras.Model:
    """Loads a .keras file in Keras' safe mode: a model file is data, no code in it is run.

    Raises:
        ArtifactError: the file is missing, damaged, or would need code to be run.
    """
    if not path.is_file():
        raise ArtifactError(f"{path} is missing. Run: dvc repro train")
    try:
        network: keras.Model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras reports damage in many classes, and a truncated file as "File not found"
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ArtifactError(f"{path} cannot be loaded as a Keras model ({reason}). Run: dvc repro train") from error
    return network


def predict(network: keras.Model, prepared: Place, config: EvaluateConfig) -> Iterator[pl.DataFrame]:
    """Predicts batch by batch; yields the rows of the predictions table.

    Args:
        network: takes prepared images.
        prepared: the folder of the shards.
        config: images per batch.
    """
    class_names = read_index(prepared, stage="prepare").class_names
    for split in SPLITS:
        for images, labels, ids in ordered_batches(prepared, split, config.batch_size):
            probabilities: np.ndarray = network.predict_on_batch(images)
            yield predictions_frame(ids, split, labels, probabilities, class_names)
