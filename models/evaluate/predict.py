"""Probabilities and features of every image of every split, from the saved model alone, without dropout or augmentation."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataprep.config.base import SPLITS
from dataprep.core.artifacts import Place
from dataprep.core.errors import ArtifactError, TrainError, in_short
from dataprep.decode.image import Pixels
from dataprep.feed.batches import ordered_batches
from dataprep.store.shards import ShardIndex, read_index
from models.config.evaluate import EvaluateConfig
from models.evaluate.deep_features import with_deep_features
from models.evaluate.denoising import Denoiser
from models.evaluate.feature_table import Projection, feature_frame, fit_projection
from models.evaluate.image_facts import facts_frame, measure_figures
from models.evaluate.model_memory import check_batch
from models.evaluate.predictions import predictions_frame
from models.evaluate.unlike import Looked
from models.layers.autoencoder_lookup import autoencoder_of, noise_std
from models.layers.features import last_hidden_features
from models.layers.keras_file import Fault, Shapes, check_needs, load_checked
from models.train.model_file import check_recipe, model_fault, open_model_file, read_trees_document
from models.train.probability_columns import LARGEST_PROBABILITY
from models.train.saved_trees import BoostedTrees

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Classifier:
    """What a model file classifies with.

    Attributes:
        network: gives the probabilities, or the features that the trees take.
        trees: what classifies in the place of the network's head; None where the head does.
        deep: gives the outputs of the last hidden layer, these with more beside them (`deep_features`), and the probabilities;
            None where trees classify, and where the network has no such layer.
    """

    network: keras.Model
    trees: BoostedTrees | None
    deep: keras.Model | None

    @property
    def has_features(self) -> bool:
        """Whether there is a last hidden layer."""
        return self.trees is not None or self.deep is not None

    def see(self, images: Pixels) -> tuple[Floats, Floats]:
        """What (N, H, W, C) uint8 images are to the last hidden layer, (N, D), and their probabilities (N, num_classes)."""
        hidden, _, probabilities = self.see_deep(images)
        return hidden, probabilities

    def see_deep(self, images: Pixels) -> tuple[Floats, Floats, Floats]:
        """As `see`, with the deep features (N, E) between the two; D and E are 0 where there is no hidden layer."""
        if self.trees is not None:
            features: Floats = self.network.predict_on_batch(images)
            return features, features, self.trees.predict(features)
        if self.deep is not None:
            hidden, deep, probabilities = self.deep.predict_on_batch(images)
            return hidden, deep, probabilities
        probabilities = self.network.predict_on_batch(images)
        nothing = np.zeros((len(images), 0), np.float32)
        return nothing, nothing, probabilities

    def predict_on_batch(self, images: Pixels) -> Floats:
        """The probabilities alone."""
        return self.see(images)[1]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of some images of one split after they were predicted.

    Attributes:
        predictions: rows of the table of predictions.
        facts: rows of the table of image facts.
        features: rows of the table of features.
        looked: what says whether later images are unlike these.
    """

    predictions: pl.DataFrame
    facts: pl.DataFrame
    features: pl.DataFrame
    looked: Looked

    def __len__(self) -> int:
        return self.predictions.height


def load_model(path: Path, index: ShardIndex) -> Classifier:
    """Loads a .keras file in Keras' safe mode, with its trees: a model file is data, no code in it is run.

    Args:
        path: the file.
        index: of the images that it is to see.

    Raises:
        ArtifactError: the file is missing, damaged, would need code to be run or more memory than it holds bytes, was trained
            on other images, or has weights that are no numbers; it has trees, and XGBoost is not installed.
    """
    fault = partial(model_fault, path)
    with open_model_file(path) as archive:
        check_recipe(path, archive, index)
        check_needs(archive, fault, partial(_check_shapes, fault=fault, index=index))
        document = read_trees_document(path, archive)
    network = load_checked(path, fault)
    if document is None:
        return Classifier(network, None, _with_features(network))
    try:
        features = last_hidden_features(network)
    except (TrainError, AttributeError, ValueError) as error:  # Keras finds no way from the images to that layer
        raise fault(f"must hold a network with features for its trees; it has none ({in_short(error)})") from error
    num_features, num_classes = features.output_shape[-1], len(index.class_names)
    return Classifier(features, BoostedTrees(document, num_features=num_features, num_classes=num_classes, fault=fault), None)


def _with_features(network: keras.Model) -> keras.Model | None:
    """The network with two more outputs, or None where it has no hidden layer that one can name."""
    try:
        return with_deep_features(network)
    except (TrainError, AttributeError, ValueError):  # Keras finds no way from the images to that layer
        return None


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


def projection_of(classifier: Classifier, prepared: Place, config: EvaluateConfig) -> Projection | None:
    """What reduces the last hidden layer to a few components; None where there is no such layer.

    Args:
        classifier: the network.
        prepared: the folder of the shards.
        config: images per batch.
    """
    if not classifier.has_features:
        return None
    return fit_projection(lambda images: classifier.see(images)[0], prepared, config.batch_size)


def predict(
    classifier: Classifier, prepared: Place, config: EvaluateConfig, projection: Projection | None = None
) -> Iterator[Seen]:
    """Predicts batch by batch, and measures the images; yields rows of the tables.

    Args:
        classifier: takes prepared images.
        prepared: the folder of the shards.
        config: images per batch.
        projection: of the features; None = there are none.

    Raises:
        ArtifactError: the batches are too large for any machine at hand, or what the network gives is no probability.
    """
    check_batch(classifier.network, config.batch_size)
    class_names = read_index(prepared, stage="prepare").class_names
    for split in SPLITS:
        for images, labels, ids in ordered_batches(prepared, split, config.batch_size):
            outputs, deep, probabilities = classifier.see_deep(images)
            if not ((probabilities >= 0) & (probabilities <= LARGEST_PROBABILITY)).all():  # nor where it is no number
                raise ArtifactError(
                    f"the network must give probabilities, 0 to 1; for {ids[0]!r} and what follows it gives "
                    f"{float(probabilities.min())!r} to {float(probabilities.max())!r}. Run: dvc repro train"
                )
            features = projection.reduce(outputs) if projection else np.zeros((len(ids), 0), np.float32)
            figures = measure_figures(images)
            yield Seen(
                predictions=predictions_frame(ids, split, labels, probabilities, class_names),
                facts=facts_frame(ids, figures),
                features=feature_frame(ids, features),
                looked=Looked(split, ids, labels, probabilities.argmax(axis=1), figures, deep),
            )
