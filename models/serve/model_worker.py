"""One thread owns the model: images of requests that wait at the same time go through the network together.

There is no pause in which a batch is filled. While one batch is computed, the next requests gather, so that batches grow with
the number of clients, and a single client waits for nobody.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from dataprep.decode.image import Pixels
from models.predict.prediction import Prediction, PreparedImage

WAITING_IMAGES = 4096
"""Images that may wait for the network; more are refused, so that memory does not grow with the number of clients."""
NEAREST = 5
"""Train images that are named for one image."""

Heat = NDArray[np.uint8]
T = TypeVar("T")


class NearImage(Protocol):
    """A train image that resembles another image."""

    @property
    def id(self) -> str: ...
    @property
    def class_name(self) -> str: ...


class Model(Protocol):
    """What the service needs of `models.predict.predictor.Predictor`, which loads Keras."""

    batch_size: int

    @property
    def class_names(self) -> list[str]: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...
    def classify(self, images: Sequence[PreparedImage]) -> list[Prediction]: ...
    def saliency(self, images: Pixels) -> list[Heat] | None: ...
    def nearest(self, prediction: Prediction, count: int) -> Sequence[NearImage]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """All that is said of one image.

    Attributes:
        prediction: what the model says.
        saliency: (h, w) uint8, what spoke for the class; None of an image that was refused, and where the network has no map.
        nearest: the train images that resemble it most.
    """

    prediction: Prediction
    saliency: Heat | None = field(default=None, repr=False)
    nearest: Sequence[NearImage] = ()


class BusyError(Exception):
    """More images wait to be read, or for the network, than may."""


class ModelWorker:
    """The thread and what waits for it; a context manager, which ends the thread.

    Attributes:
        model: what it owns.
        num_waiting: images that wait for the network.
    """

    def __init__(
        self, model: Model, *, most_waiting: int = WAITING_IMAGES, on_batch: Callable[[int], None] = lambda _: None
    ) -> None:
        """Starts nothing yet.

        Args:
            model: answers.
            most_waiting: images that may wait.
            on_batch: gets the number of images that went through the network together.
        """
        self.model, self.on_batch = model, on_batch
        self._most_waiting = most_waiting
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self.num_waiting, self._lock = 0, threading.Lock()
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._jobs.put(None)
        self._thread.join()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def predict(self, images: Sequence[PreparedImage]) -> "Future[list[Prediction]]":
        """Predicts images, in their order; those that were refused stay so.

        Raises:
            BusyError: too many images wait.
        """
        return self._put(images, _unchanged)

    def look(self, image: PreparedImage) -> "Future[Look]":
        """Predicts one image, with its saliency and the nearest train images.

        Raises:
            BusyError: too many images wait.
        """
        return self._put([image], self._look)

    def warm_up(self) -> tuple[PreparedImage, Look]:
        """Has the network compiled, so that the first request waits for nothing; returns an image and what was said of it."""
        rng = np.random.default_rng(0)
        height, width = self.model.shape[:2]
        for count in (1, 2, 3):  # Keras compiles anew for the first other sizes of a batch
            pixels = rng.integers(0, 256, (count, *self.model.shape), dtype=np.uint8)
            images = [PreparedImage("", own, height, width) for own in pixels]
            self.predict(images).result()
        return images[0], self.look(images[0]).result()

    def _put(self, images: Sequence[PreparedImage], answer: Callable[[list[Prediction]], T]) -> "Future[T]":
        done: Future[T] = Future()

        def finish(predictions: list[Prediction]) -> None:
            try:
                done.set_result(answer(predictions))
            except Exception as error:  # noqa: BLE001  # of Keras, of any class: who waits gets it
                done.set_exception(error)

        with self._lock:
            if self.num_waiting and self.num_waiting + len(images) > self._most_waiting:
                raise BusyError
            self.num_waiting += len(images)
        self._jobs.put(_Job(images, done.set_running_or_notify_cancel, finish, done.set_exception))
        return done

    def _work(self) -> None:
        while (first := self._jobs.get()) is not None:
            batch, is_last = self._gather(first)
            with self._lock:
                self.num_waiting -= sum(len(job.images) for job in batch)
            self._answer([job for job in batch if job.begin()])
            if is_last:
                return

    def _gather(self, first: "_Job") -> "tuple[list[_Job], bool]":
        """The jobs that wait, as many as make a batch, and whether the thread is to end after them."""
        batch, count = [first], len(first.images)
        while count < self.model.batch_size:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return batch, True
            batch.append(job)
            count += len(job.images)
        return batch, False

    def _answer(self, batch: "list[_Job]") -> None:
        images = [image for job in batch for image in job.images]
        if usable := sum(image.refused is None for image in images):
            self.on_batch(usable)
        try:
            predictions = iter(self.model.classify(images))
        except Exception as error:  # noqa: BLE001  # as above
            for job in batch:
                job.fail(error)
            return
        for job in batch:
            job.finish([next(predictions) for _ in job.images])

    def _look(self, predictions: list[Prediction]) -> Look:
        prediction = predictions[0]
        if prediction.pixels is None:
            return Look(prediction)
        maps = self.model.saliency(prediction.pixels[np.newaxis])
        return Look(prediction, maps[0] if maps else None, self.model.nearest(prediction, NEAREST))


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """Images of one request, and what is called when it is their turn, when they are predicted, or when that fails.

    `begin` tells whether somebody still waits for them.
    """

    images: Sequence[PreparedImage]
    begin: Callable[[], bool]
    finish: Callable[[list[Prediction]], None]
    fail: Callable[[Exception], None]


def _unchanged(predictions: list[Prediction]) -> list[Prediction]:
    return predictions
