"""A trained model that takes images as they come: `Predictor.load(path).predict(images)`.

Keras is imported when a model is loaded, so that importing this module costs little.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dataprep.config.ingest import LimitsConfig
from dataprep.core.errors import ArtifactError
from dataprep.decode.image import Pixels
from models.predict.prediction import TOP, Answer, Floats, Prediction, PreparedImage
from models.predict.preparation import AnyImage, Preparation
from models.predict.recipe import read_preparation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.evaluate.predict import Classifier

BATCH_SIZE = 256
"""Images that go through the network together; the probabilities of an image hardly depend on it (by some 1e-7)."""


class Predictor:
    """A model with all that its images go through. Make one by `load`; it may be used by several threads.

    Attributes:
        preparation: how images become what the network takes.
        batch_size: images that go through the network together.
    """

    def __init__(self, classifier: "Classifier", preparation: Preparation, *, batch_size: int = BATCH_SIZE) -> None:
        self.preparation = preparation
        self.batch_size = batch_size
        self._classifier = classifier
        self._network_lock = threading.Lock()  # Keras traces a network at its first call, and saliency changes it for a while

    @classmethod
    def load(cls, path: Path | str, *, limits: LimitsConfig | None = None, batch_size: int = BATCH_SIZE) -> "Predictor":
        """Loads a model file in Keras' safe mode: it is data, and no code in it is run.

        Args:
            path: a .keras file that `dvc repro train` made.
            limits: of one file, as `ingest.limits` in params.yaml; None = those of the decoder alone.
            batch_size: images that go through the network together.

        Raises:
            ArtifactError: the file is missing, damaged, without a recipe that this version reads, would need code to be run, or
                does not fit its recipe.
        """
        path = Path(path)
        index = read_preparation(path)  # first: a file of a stranger is refused before Keras is loaded

        from models.train.keras_start import load_keras

        load_keras()

        from models.evaluate.predict import load_model
        from models.train.keras_environment import settle_keras_where_free, threads_of

        settle_keras_where_free(threads_of(path))
        return cls(load_model(path, index), Preparation(index, limits), batch_size=batch_size)

    @property
    def class_names(self) -> list[str]:
        """In the order of the probabilities."""
        return self.preparation.index.class_names

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of a prepared image."""
        return self.preparation.index.shape

    def predict(self, images: Iterable[AnyImage], *, names: Sequence[str] | None = None) -> list[Prediction]:
        """Predicts images, each with a result of its own: one that cannot be used is refused with a reason.

        Args:
            images: arrays (upright uint8, (H, W), (H, W, 1) or (H, W, 3)), images of Pillow, paths, or bytes of image files.
            names: what they are called in the results; if not given, their paths, or their numbers from 0 on.

        Raises:
            DarkroomError: an image is none of these.
        """
        return list(self.iterate(images, names=names))

    def iterate(self, images: Iterable[AnyImage], *, names: Sequence[str] | None = None) -> Iterator[Prediction]:
        """As `predict`, batch by batch: memory does not grow with the number of images."""
        waiting = enumerate(images)
        while batch := list(islice(waiting, self.batch_size)):
            yield from self.classify([self.prepare(image, _name(number, image, names)) for number, image in batch])

    def prepare(self, image: AnyImage, name: str) -> PreparedImage:
        """Brings one image to what the network takes; needs no network and may run beside `classify`.

        Args:
            image: as for `predict`.
            name: what it is called.

        Raises:
            DarkroomError: it is nothing that can be an image.
        """
        return self.preparation.of_any(name, image)

    def classify(self, images: Sequence[PreparedImage]) -> list[Prediction]:
        """Predicts prepared images, those that were refused as they are; in their order."""
        found: list[Prediction | None] = [Prediction(image.name, image.refused) if image.refused else None for image in images]
        usable = [(place, pixels) for place, image in enumerate(images) if (pixels := image.pixels) is not None]
        for start in range(0, len(usable), self.batch_size):
            part = usable[start : start + self.batch_size]
            pixels = np.stack([own for _, own in part])
            _, probabilities = self._see(pixels)
            for row, (place, own) in enumerate(part):
                found[place] = Prediction(
                    name=images[place].name,
                    top=self._top(probabilities[row]),
                    probabilities=probabilities[row],
                    pixels=own,
                )
        return [prediction for prediction in found if prediction is not None]

    def saliency(self, images: Pixels) -> "list[NDArray[np.uint8]] | None":
        """What speaks for the predicted class in each prepared image (Grad-CAM).

        Args:
            images: (N, H, W, C) uint8, prepared; `Prediction.pixels`.

        Returns:
            A map (h, w) for each, 0 to 255, as coarse as the last convolution; None of trees and of networks without one.
        """
        from models.evaluate.saliency import convolutions, heat_maps

        if self._classifier.trees is not None:
            return None
        with self._network_lock:
            layers = convolutions(self._classifier.network)
            return heat_maps(self._classifier.network, images, layers) if layers else None

    def _see(self, images: Pixels) -> tuple[Floats, Floats]:
        from models.evaluate.predictions import LARGEST_PROBABILITY

        with self._network_lock:
            features, probabilities = self._classifier.see(images)
        if not ((probabilities >= 0) & (probabilities <= LARGEST_PROBABILITY)).all():  # nor where it is no number
            raise ArtifactError("the network must give probabilities, 0 to 1; it gives others. Run: dvc repro train")
        return features, probabilities

    def _top(self, probabilities: Floats) -> tuple[Answer, ...]:
        order = np.argsort(-probabilities, kind="stable")[:TOP]
        return tuple(Answer(self.class_names[place], float(probabilities[place])) for place in order)


def _name(number: int, image: AnyImage, names: Sequence[str] | None) -> str:
    if names is not None:
        return names[number]
    return str(image) if isinstance(image, str | Path) else f"image {number}"
