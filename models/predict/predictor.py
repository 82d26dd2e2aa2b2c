"""A trained model that takes images as they come: `Predictor.load(path).predict(images)`.

Keras is imported when a model is loaded, so that importing this module costs little.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import ThreadpoolController

from dataprep.config.ingest import LimitsConfig
from dataprep.core.errors import ArtifactError, DarkroomError
from dataprep.decode.image import Pixels
from models.predict.prediction import TOP, Answer, Floats, Prediction, PreparedImage
from models.predict.preparation import AnyImage, Preparation
from models.predict.recipe import read_preparation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.evaluate.predict import Classifier
    from models.evaluate.reference import Reference
    from models.evaluate.saliency import HeatFunction

BATCH_SIZE = 256
"""Images that go through the network together; the probabilities of an image hardly depend on it (by some 1e-7)."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A train image near another one: its id, its class, and the distance in the network's features."""

    id: str
    class_name: str
    distance: float


class Predictor:
    """A model with all that its images go through. Make one by `load`; it may be used by several threads.

    Attributes:
        preparation: how images become what the network takes.
        reference: what the training images look like; None where it is not at hand.
        note: why it is not; None where it is.
        precision: part of right answers that is wanted among the accepted ones; None = nothing is accepted or declined.
        threshold: the confidence that `accepted` takes; None where no threshold is certain to give that precision.
        batch_size: images that go through the network together.
    """

    def __init__(
        self,
        classifier: "Classifier",
        preparation: Preparation,
        reference: "Reference | None" = None,
        *,
        note: str | None = None,
        precision: float | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        self.preparation, self.reference, self.note = preparation, reference, note
        self.precision, self.batch_size = precision, batch_size
        self.threshold = reference.acceptance.threshold_for(precision) if reference and precision is not None else None
        self._classifier = classifier
        self._numerics = ThreadpoolController()  # finding the libraries takes as long as predicting a hundred images
        self._network_lock = threading.Lock()  # Keras traces a network at its first call, and saliency changes it for a while

    @classmethod
    def load(
        cls,
        path: Path | str,
        *,
        reference: Path | str | None = None,
        precision: float | None = None,
        limits: LimitsConfig | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> "Predictor":
        """Loads a model file in Keras' safe mode: it is data, and no code in it is run.

        Keras' settings in this process (float type, image layout, ...) stay as they are. TensorFlow's threads are set to those
        of the training, where nothing has been computed yet.

        Args:
            path: a .keras file that `dvc repro train` made.
            reference: what `dvc repro evaluate` wrote about this model; None = reference.npz beside it. Where it is missing,
                damaged or of another model, `note` says so, and images are predicted without a warning.
            precision: part of right answers that is wanted among the accepted ones, above 0 and below 1; None = none.
            limits: of one file, as `ingest.limits` in params.yaml; None = those of the decoder alone.
            batch_size: images that go through the network together.

        Raises:
            ArtifactError: the file is missing, damaged, without a recipe that this version reads, would need code to be run, or
                does not fit its recipe.
            DarkroomError: no precision can be so.
        """
        path = Path(path)
        if precision is not None and not 0 < precision < 1:
            raise DarkroomError(f"the precision must lie above 0 and below 1; got {precision:g}. Correct it")
        index = read_preparation(path)  # first: a file of a stranger is refused before Keras is loaded

        from models.train.quick_keras_import import load_keras

        load_keras()

        from models.evaluate.predict import load_model
        from models.evaluate.reference import read_reference
        from models.train.keras_environment import keras_settings_kept, settle_keras_where_free, threads_of

        with keras_settings_kept():
            settle_keras_where_free(threads_of(path))
            classifier = load_model(path, index)
        known, note = None, None
        try:
            known = read_reference(Path(reference or path.with_name("reference.npz")), path, index.class_names)
        except ArtifactError as error:
            note = f"images are not compared with the training images, and none is accepted or declined: {error}"
        preparation = Preparation(index, limits)
        return cls(classifier, preparation, known, note=note, precision=precision, batch_size=batch_size)

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
        usable = [place for place, image in enumerate(images) if not image.refused]
        for start in range(0, len(usable), self.batch_size):
            places = usable[start : start + self.batch_size]
            for place, prediction in zip(places, self._classify([images[place] for place in places]), strict=True):
                found[place] = prediction
        return [prediction for prediction in found if prediction is not None]

    def nearest(self, prediction: Prediction, count: int) -> list[Neighbour]:
        """The train images that resemble an image most to the network, the nearest first, out of some thousands.

        Args:
            prediction: of the image.
            count: how many; fewer where fewer are known, none without a reference.
        """
        from models.evaluate.feature_table import squared_distances

        if self.reference is None or not len(prediction.features):
            return []
        known = self.reference
        distances = np.sqrt(squared_distances(prediction.features[np.newaxis], known.features)[0])
        order = np.argsort(distances, kind="stable")[:count]
        return [Neighbour(known.ids[place], known.class_names[known.labels[place]], float(distances[place])) for place in order]

    def saliency(self, images: Pixels) -> "list[NDArray[np.uint8]] | None":
        """What speaks for the predicted class in each prepared image (Grad-CAM).

        Args:
            images: (N, H, W, C) uint8, prepared; `Prediction.pixels`.

        Returns:
            A map (h, w) for each, 0 to 255, as coarse as the last convolution; None of trees and of networks without one.
        """
        if self._classifier.trees is not None:
            return None
        with self._network_lock:
            return self._heat_maps(images)

    @cached_property
    def _heat_maps(self) -> "HeatFunction":
        from models.evaluate.saliency import convolutions, heat_function

        return heat_function(self._classifier.network, convolutions(self._classifier.network))

    def _classify(self, images: Sequence[PreparedImage]) -> list[Prediction]:
        """Predicts images that were not refused, all at once."""
        pixels = np.stack([image.pixels for image in images if image.pixels is not None])
        hidden, deep, probabilities = self._see(pixels)
        features = np.zeros((len(images), 0), np.float32)
        with self._numerics.limit(limits=1):  # small products: several threads would get in TensorFlow's way
            unlike = self._unlike(images, pixels, deep, probabilities)
            if self.reference and self.reference.projection:
                features = self.reference.projection.reduce(hidden)
        return [
            Prediction(
                name=image.name,
                top=self._top(probabilities[row]),
                accepted=self._accepted(float(probabilities[row].max()), unlike[row]),
                unlike=unlike[row],
                probabilities=probabilities[row],
                features=features[row],
                pixels=image.pixels,
            )
            for row, image in enumerate(images)
        ]

    def _see(self, pixels: Pixels) -> tuple[Floats, Floats, Floats]:
        """Last hidden layer, deep features and probabilities of (N, H, W, C) images."""
        from models.train.probability_columns import LARGEST_PROBABILITY

        with self._network_lock:
            hidden, deep, probabilities = self._classifier.see_deep(pixels)
        if not ((probabilities >= 0) & (probabilities <= LARGEST_PROBABILITY)).all():  # nor where it is no number
            raise ArtifactError("the network must give probabilities, 0 to 1; it gives others. Run: dvc repro train")
        return hidden, deep, probabilities

    def _unlike(
        self, images: Sequence[PreparedImage], pixels: Pixels, deep: Floats, probabilities: Floats
    ) -> Sequence[tuple[str, ...] | None]:
        if self.reference is None:
            return [None] * len(images)
        from models.evaluate.image_facts import measure_figures
        from models.evaluate.usual_facts import figures_of_files

        measured = [image.figures for image in images if image.figures is not None]
        figures = np.stack(measured) if len(measured) == len(images) else measure_figures(pixels)
        heights, widths = np.array([(image.height, image.width) for image in images], np.float64).T
        whole = np.hstack([figures, figures_of_files(heights, widths)])
        return self.reference.unlike.reasons(whole, deep, probabilities, self.class_names)

    def _accepted(self, confidence: float, unlike: tuple[str, ...] | None) -> bool | None:
        if self.precision is None or self.reference is None:
            return None
        return self.threshold is not None and confidence >= self.threshold and not unlike

    def _top(self, probabilities: Floats) -> tuple[Answer, ...]:
        order = np.argsort(-probabilities, kind="stable")[:TOP]
        return tuple(Answer(self.class_names[place], float(probabilities[place])) for place in order)


def _name(number: int, image: AnyImage, names: Sequence[str] | None) -> str:
    if names is not None:
        return names[number]
    return str(image) if isinstance(image, str | Path) else f"image {number}"
