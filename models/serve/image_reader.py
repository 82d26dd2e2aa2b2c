"""Images of requests are read in processes of their own, which may crash, hang or run out of memory: it costs one image."""

import io
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from PIL import Image

from dataprep.config.ingest import LimitsConfig
from dataprep.decode.image import Undecodable
from dataprep.execute.file_time_limit import FileTooSlowError, alarm, file_seconds
from dataprep.execute.held_workers import HeldWorkers, TaskTooSlowError, WorkerDiedError
from dataprep.execute.worker import Work
from dataprep.ingest.examine import WORKER_DIED
from dataprep.store.shards import ShardIndex
from models.predict.isolated_preparation import with_figures
from models.predict.prediction import PreparedImage
from models.predict.preparation import Preparation, refused
from models.serve.user_drawings import Easel, file_of_drawing

NUM_PROCESSES = 2
"""Images that are decoded at the same time: so many images, of the most pixels, stand in memory at once."""

_SECONDS_MORE = 1.0
"""After its time a decoder in Python is interrupted; one that does not return loses its process this much later."""
_SECONDS_TO_WARM_UP = 60.0


@dataclass(frozen=True, slots=True)
class SentImage:
    """An image file of a request.

    Attributes:
        name: as it is answered.
        content: the bytes.
        seconds: for decoding and preparing it.
        easel: of a drawing, which becomes a file of the usual size first; None = a file as it is.
    """

    name: str
    content: bytes = field(repr=False)
    seconds: float
    easel: Easel | None = None


@dataclass(frozen=True, slots=True)
class ReadImage:
    """What became of it: prepared or refused; and the file, which of a drawing is the one that it became."""

    image: PreparedImage
    content: bytes = field(repr=False)


class ImageReader(Protocol):
    """Reads an image within its time, whatever is in it."""

    def read(self, sent: SentImage) -> ReadImage: ...


class ReadHere:
    """Reads images in this process: what the guarded processes run."""

    def __init__(self, index: ShardIndex, limits: LimitsConfig | None) -> None:
        """Reads nothing yet; it is pickled, with the arguments of `Preparation`."""
        self._index, self._limits = index, limits

    @cached_property
    def _preparation(self) -> Preparation:
        return Preparation(self._index, self._limits)

    def read(self, sent: SentImage) -> ReadImage:
        """Reads an image; its time counts in the main thread alone."""
        try:
            with alarm() as timed, file_seconds(sent.seconds) if timed else nullcontext():
                content = sent.content if sent.easel is None else file_of_drawing(sent.content, sent.easel)
                image = self._preparation.of_content(sent.name, content)
                return ReadImage(with_figures([image])[0], content)
        except Undecodable as refusal:  # of a drawing
            return ReadImage(refused(sent.name, refusal.reason, refusal.message), b"")
        except FileTooSlowError:
            return ReadImage(too_slow(sent), b"")
        except MemoryError:
            return ReadImage(_too_large(sent), b"")


class GuardedReader:
    """Reads images in processes that are ended when they hang; a context manager, which ends them all."""

    def __init__(self, read: Callable[[SentImage], ReadImage], *, memory_mib: int, num_processes: int = NUM_PROCESSES) -> None:
        """Starts nothing yet.

        Args:
            read: `ReadHere(...).read`.
            memory_mib: that reading an image may add to the memory of a process.
            num_processes: images that are read at the same time.
        """
        self._workers = HeldWorkers(Work(read, memory_mib), num_processes)
        self._num_processes = num_processes

    def __enter__(self) -> Self:
        self._workers.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._workers.__exit__(kind, error, trace)

    def warm_up(self, easel: Easel) -> None:
        """Has each process read a drawing, so that the first request waits for no import; returns when that is done."""
        buffer = io.BytesIO()
        pixels = np.random.default_rng(0).integers(0, 256, (*easel.canvas, 3), np.uint8)
        Image.fromarray(pixels).save(buffer, format="PNG")
        for _ in range(self._num_processes):  # they take turns
            self.read(SentImage("", buffer.getvalue(), _SECONDS_TO_WARM_UP, easel))

    def read(self, sent: SentImage) -> ReadImage:
        """Reads an image; waits for a process that is free. Any number of threads may call it."""
        try:
            return self._workers.run(sent, sent.seconds + _SECONDS_MORE)
        except TaskTooSlowError:
            return ReadImage(too_slow(sent), b"")
        except WorkerDiedError:
            return ReadImage(refused(sent.name, "worker_died", WORKER_DIED), b"")
        except MemoryError:  # of what the process does around the reading
            return ReadImage(_too_large(sent), b"")


def too_slow(sent: SentImage) -> PreparedImage:
    """An image whose time was over."""
    return refused(sent.name, "too_slow", f"reading and decoding it takes more than the {sent.seconds:.3g} s that it may take")


def _too_large(sent: SentImage) -> PreparedImage:
    return refused(sent.name, "too_much_memory", "MemoryError while it was read or prepared")
