"""What comes out of a prediction: one value for each image, whatever became of it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dataprep.decode.image import Pixels
from dataprep.store.manifest import Reason

Floats = NDArray[np.float32]

TOP = 3
"""Classes that are named for an image, at most."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an image is not used: one of ingest's closed list of reasons, and a sentence."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class PreparedImage:
    """One image on its way to the network.

    Attributes:
        name: what it is called: its path, or "image 7" of an array.
        pixels: (H, W, C) uint8 as the network takes it; None of one that is refused.
        height: in pixels, upright, as it came; 0 of one that is refused.
        width: likewise.
        refused: why there are no pixels.
        figures: of the prepared pixels, from `image_facts.measure_figures`, where they were measured already.
    """

    name: str
    pixels: Pixels | None = field(repr=False)
    height: int = 0
    width: int = 0
    refused: Refusal | None = None
    figures: NDArray[np.float64] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """A class and its probability, 0 to 1."""

    class_name: str
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the model says of one image.

    Attributes:
        name: of the image.
        refused: why it could not be used; then all below is empty.
        top: the most probable classes, at most `TOP`, the surest first.
        accepted: whether the confidence reaches the threshold for the precision that was asked for, and the image is not unlike
            the training images; None where none was asked for, or the model has no reference.
        unlike: in what the image is unlike all training images, each a clause such as "strokes thinner than 99% of the training
            images"; empty of a usual image, None where the model has no reference.
        probabilities: (num_classes,) float32.
        features: (k,) float32, principal components of the last hidden layer; k = 0 without a reference.
        pixels: (H, W, C) uint8, what the network saw.
    """

    name: str
    refused: Refusal | None = None
    top: tuple[Answer, ...] = ()
    accepted: bool | None = None
    unlike: tuple[str, ...] | None = None
    probabilities: Floats = field(default_factory=lambda: np.zeros(0, np.float32), repr=False)
    features: Floats = field(default_factory=lambda: np.zeros(0, np.float32), repr=False)
    pixels: Pixels | None = field(default=None, repr=False)

    @property
    def class_name(self) -> str | None:
        """The most probable class; None of an image that was refused."""
        return self.top[0].class_name if self.top else None

    @property
    def confidence(self) -> float | None:
        """The probability of that class."""
        return self.top[0].probability if self.top else None
