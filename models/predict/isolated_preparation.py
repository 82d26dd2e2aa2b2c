"""Files are read and prepared in processes of their own, which may crash, hang or run out of memory: it costs one file.

Prepared images come back across the process border, against the rule that tasks carry paths: the network wants them here.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dataprep.config.execute import ExecuteConfig
from dataprep.config.ingest import LimitsConfig
from dataprep.core.errors import ChangedError, in_short
from dataprep.execute.executor import num_workers, run_guarded
from dataprep.execute.file_time_limit import FileTooSlowError, alarm, file_seconds
from dataprep.ingest.examine import WORKER_DIED, too_many_bytes, too_slow
from dataprep.source.raw_folder import Source, read_file
from dataprep.store.shards import ShardIndex
from models.evaluate.image_facts import measure_figures
from models.predict.prediction import PreparedImage, Refusal
from models.predict.preparation import Preparation, refused

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

FILES_PER_TASK = 256
_PIXEL_BYTES_PER_TASK = 2**23
_PIECE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class FileToRead:
    """A file to predict.

    Attributes:
        name: as it is shown.
        source: the folder that it lies in, or its whole URL.
        path: relative to the folder; empty for a URL that is a file.
        num_bytes: when it was listed; 0 for a URL that is a file.
        refused: why it must not be opened.
    """

    name: str
    source: Source
    path: bytes
    num_bytes: int
    refused: Refusal | None = None


@dataclass(frozen=True, slots=True)
class ReadTask:
    """Some files for one worker; `figures` says whether it measures what they look like too."""

    files: Sequence[FileToRead]
    index: ShardIndex
    limits: LimitsConfig
    figures: bool


def prepare_guarded(
    files: Sequence[FileToRead], index: ShardIndex, limits: LimitsConfig, execute: ExecuteConfig, *, figures: bool
) -> Iterator[list[PreparedImage]]:
    """Reads and prepares files in worker processes.

    Args:
        files: what to read.
        index: how images become what the network takes, from `read_preparation`.
        limits: of one file.
        execute: how many processes.
        figures: whether to measure what the images look like, for a model that has a reference.

    Yields:
        Some images at a time, one for each file, in their order.
    """
    at_once = max(1, min(FILES_PER_TASK, _PIXEL_BYTES_PER_TASK // math.prod(index.shape)))
    at_once = min(at_once, max(1, math.ceil(len(files) / num_workers(execute))))
    tasks = [ReadTask(files[start : start + at_once], index, limits, figures) for start in range(0, len(files), at_once)]
    here = execute.model_copy(update={"backend": "local", "address": None})  # other machines need not have these files
    yield from run_guarded(prepare_files, tasks, here, memory_mib=limits.memory_mib, divide=_one_by_one, give_up=_worker_died)


def prepare_files(task: ReadTask) -> list[PreparedImage]:
    """Reads and prepares the files of one task, in this process."""
    preparation = Preparation(task.index, task.limits)
    with alarm() as timed:
        images = [_prepare(file, preparation, task.limits, timed=timed) for file in task.files]
    return with_figures(images) if task.figures else images


def _prepare(file: FileToRead, preparation: Preparation, limits: LimitsConfig, *, timed: bool) -> PreparedImage:
    if file.refused is not None:
        return PreparedImage(file.name, None, refused=file.refused)
    if file.num_bytes > limits.max_bytes:
        return refused(file.name, "too_many_bytes", too_many_bytes(file.num_bytes, limits))
    try:
        with file_seconds(limits.seconds) if timed else nullcontext():
            return preparation.of_content(file.name, _read(file, limits.max_bytes))
    except _UnreadableURLError as error:
        return refused(file.name, "unreadable", str(error))
    except ChangedError as error:
        return refused(file.name, "changed", f"{error}; run again")
    except FileNotFoundError:
        return refused(file.name, "changed", "it vanished while the files were read; run again")
    except OSError as error:
        return refused(file.name, "unreadable", f"{type(error).__name__}: {error.strerror}")
    except MemoryError:
        return refused(file.name, "too_much_memory", "MemoryError while it was read")
    except FileTooSlowError:
        return refused(file.name, "too_slow", too_slow(limits))


def _read(file: FileToRead, max_bytes: int) -> bytes:
    if file.path:
        return read_file(file.source, file.path, file.num_bytes)
    from fsspec import url_to_fs  # half as long to import as polars, and most files are local

    try:
        files, root = url_to_fs(str(file.source))
        if root.startswith(("http://", "https://")):
            return _downloaded(files, root, max_bytes)
        content: bytes = files.cat_file(root, start=0, end=max_bytes + 1)
    except Exception as error:  # each file system has errors of its own
        raise _UnreadableURLError(in_short(error)) from error
    return content


class _UnreadableURLError(Exception):
    """Why a URL cannot be read, in the words of its file system."""


def _downloaded(files: "AbstractFileSystem", url: str, max_bytes: int) -> bytes:
    """The file, or one byte more than it may have: many web servers send all of it, whichever part they are asked for."""
    content = bytearray()
    with files.open(url, "rb", block_size=0) as body:
        while len(content) <= max_bytes and (piece := body.read(_PIECE_BYTES)):
            content += piece
    return bytes(content[: max_bytes + 1])


def with_figures(images: list[PreparedImage]) -> list[PreparedImage]:
    """The images with what they look like measured, where they were not refused."""
    usable = [image.pixels for image in images if image.pixels is not None]
    if not usable:
        return images
    measured = iter(measure_figures(np.stack(usable)))
    return [image if image.pixels is None else replace(image, figures=next(measured)) for image in images]


def _one_by_one(task: ReadTask) -> list[ReadTask]:
    return [replace(task, files=[file]) for file in task.files]


def _worker_died(task: ReadTask) -> list[PreparedImage]:
    return [refused(file.name, "worker_died", WORKER_DIED) for file in task.files]
