"""Probabilities for every image of every split, from the saved model alone, without dropout or augmentation."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import keras
import numpy as np
import polars as pl

from dataprep.config.base import SPLITS
from dataprep.core.artifacts import Place
from dataprep.core.errors import ArtifactError
from dataprep.feed.batches import ordered_batches
from dataprep.store.shards import ShardIndex, read_index
from models.config.evaluate import EvaluateConfig
from models.evaluate.denoising import Denoiser
from models.evaluate.model_memory import check_batch
from models.evaluate.predictions import LARGEST_PROBABILITY, predictions_frame
from models.layers.autoencoder_parts import autoencoder_of, noise_std
from models.layers.keras_file import Fault, Shapes, check_needs, load_checked
from models.train.model_file import check_recipe, model_fault, open_model_file


def load_model(path: Path, index: ShardIndex) -> keras.Model:
    """Loads a .keras file in Keras' safe mode: a model file is data, no code in it is run.

    Args:
        path: the file.
        index: of the images that it is to see.

    Raises:
        ArtifactError: the file is missing, damaged, would need code to be run or more memory than it holds bytes, was trained
            on other images, or has weights that are no numbers.
    """
    fault = partial(model_fault, path)
    with open_model_file(path) as archive:
        check_recipe(path, archive, index)
        check_needs(archive, fault, partial(_check_shapes, fault=fault, index=index))
    return load_checked(path, fault)


def _check_shapes(shapes: Shapes, *, fault: Fault, index: ShardIndex) -> None:
    expected = (None, *index.shape), (None, len(index.class_names))
    if shapes != expected:
        raise fault(f"must take {expected[0]} and give {expected[1]}; it takes {shapes[0]} and gives {shapes[1]}")


def denoiser_of(network: keras.Model) -> Denoiser | None:
    """What removes noise in a network that carries an autoencoder; None of any other network."""
    autoencoder = autoencoder_of(network)
    if autoencoder is None:
        return None
    return Denoiser(lambda images: autoencoder.predict_on_batch(images)[1], noise_std(autoencoder))


def predict(network: keras.Model, prepared: Place, config: EvaluateConfig) -> Iterator[pl.DataFrame]:
    """Predicts batch by batch; yields the rows of the predictions table.

    Args:
        network: takes prepared images.
        prepared: the folder of the shards.
        config: images per batch.

    Raises:
        ArtifactError: the batches are too large for any machine at hand, or what the network gives is no probability.
    """
    check_batch(network, config.batch_size)
    class_names = read_index(prepared, stage="prepare").class_names
    for split in SPLITS:
        for images, labels, ids in ordered_batches(prepared, split, config.batch_size):
            probabilities: np.ndarray = network.predict_on_batch(images)
            if not ((probabilities >= 0) & (probabilities <= LARGEST_PROBABILITY)).all():  # nor where it is no number
                raise ArtifactError(
                    f"the network must give probabilities, 0 to 1; for {ids[0]!r} and what follows it gives "
                    f"{float(probabilities.min())!r} to {float(probabilities.max())!r}. Run: dvc repro train"
                )
            yield predictions_frame(ids, split, labels, probabilities, class_names)
