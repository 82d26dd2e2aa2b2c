"""A model that answers at once: the mean gray level says the class. What surrounds it is what a real one has."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dataprep.decode.image import Pixels
from models.predict.prediction import Answer, Prediction, PreparedImage
from models.predict.preparation import Preparation
from models.serve.model_worker import Heat

CLASS_NAMES = ["0", "1", '<b>"two"</b>']
HOSTILE = "<script>alert(1)</script>"


@dataclass(frozen=True, slots=True)
class Near:
    id: str
    class_name: str


@dataclass(slots=True)
class StubModel:
    """Takes gray images of 8 x 8.

    Attributes:
        preparation: how images become that.
        threads: names of the threads that asked for predictions.
        batches: how many images were asked for at once.
        fails: whether it raises instead.
        free: predictions wait until it is set.
    """

    preparation: Preparation
    batch_size: int = 32
    threads: set[str] = field(default_factory=set)
    batches: list[int] = field(default_factory=list)
    fails: bool = False
    free: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.free.set()

    @property
    def class_names(self) -> list[str]:
        return self.preparation.index.class_names

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.preparation.index.shape

    def classify(self, images: Sequence[PreparedImage]) -> list[Prediction]:
        self.free.wait(10)
        self.threads.add(threading.current_thread().name)
        self.batches.append(len(images))
        if self.fails:
            raise RuntimeError("no memory on the card at /secret/path")
        return [self._predict(own) for own in images]

    def saliency(self, images: Pixels) -> list[Heat] | None:
        return [np.full((2, 2), 200, np.uint8) for _ in images]

    def nearest(self, prediction: Prediction, count: int) -> list[Near]:
        return [Near(f"{HOSTILE}/{number}.png", self.class_names[2]) for number in range(count)]

    def _predict(self, image: PreparedImage) -> Prediction:
        pixels = image.pixels
        if pixels is None:
            return Prediction(image.name, image.refused)
        place = min(int(pixels.mean() * 3 / 256), 2)
        probabilities = np.full(3, 0.1, np.float32)
        probabilities[place] = 0.8
        top = tuple(Answer(self.class_names[own], float(probabilities[own])) for own in np.argsort(-probabilities))
        unlike = ("strokes thinner than 99% of the training images",) if pixels.mean() < 4 else ()
        return Prediction(image.name, top=top, accepted=not unlike, unlike=unlike, probabilities=probabilities, pixels=pixels)
