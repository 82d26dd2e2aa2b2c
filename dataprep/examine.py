"""From one file to the facts about it: what it is, what it shows in figures, or why it cannot be used.

Nothing that a file does stops the run. A decoder's exception, a limit that is passed, a worker that dies: each is a row.
"""

import signal
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from types import FrameType

import cv2
import numpy as np
import polars as pl

from dataprep.config import DecodeConfig, ExecuteConfig, LimitsConfig
from dataprep.errors import ChangedError
from dataprep.execute import run_guarded
from dataprep.fingerprint import WIDEST, fingerprints, shrunk
from dataprep.image import Pixels, Undecodable, decode, digest_bytes, digest_pixels, verify
from dataprep.manifest import MEASURES, Reason
from dataprep.quality import measure, measured_copy
from dataprep.source import Source, read_file

FILES_PER_TASK = 256
_MEASURED_AT_ONCE = 64

_DECODED = {
    "width": pl.Int32(),  # upright
    "height": pl.Int32(),
    "mode": pl.String(),
    "format": pl.String(),
    "orientation": pl.Int32(),
    "num_frames": pl.Int32(),
    "digest": pl.String(),
    "file_digest": pl.String(),
    "doubt": pl.String(),  # what is wrong with the bytes of a file whose pixels are whole
    "reason": pl.String(),
    "message": pl.String(),
}

FACTS: dict[str, pl.DataType] = {
    "path": pl.Binary(),
    **_DECODED,
    **dict.fromkeys(MEASURES, pl.Float32()),
    "fingerprint": pl.Binary(),
}
"""The columns of what was seen of files."""


@dataclass(frozen=True, slots=True)
class ExamineTask:
    """Some files to look into: their paths and how many bytes each had when the folder was listed."""

    source: Source
    files: Sequence[tuple[bytes, int]]
    decode: DecodeConfig
    limits: LimitsConfig


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look into a file showed; what is None was not reached, and then `reason` says why."""

    path: bytes
    width: int | None = None
    height: int | None = None
    mode: str | None = None
    format: str | None = None
    orientation: int | None = None
    num_frames: int | None = None
    digest: str | None = None
    file_digest: str | None = None
    doubt: str | None = None
    reason: Reason | None = None
    message: str | None = None
    picture: Pixels | None = field(default=None, repr=False)
    measured: Pixels | None = field(default=None, repr=False)


class _TooSlow(BaseException):
    """The time for one file is over. No Exception: decoders catch those."""


def examine(
    found: pl.DataFrame, *, source: Source, decoding: DecodeConfig, limits: LimitsConfig, execute: ExecuteConfig
) -> Iterator[pl.DataFrame]:
    """Reads, verifies, decodes and measures files in worker processes.

    Args:
        found: rows of `scan` that may be opened.
        source: the raw folder.
        decoding: how to decode.
        limits: what one file may cost.
        execute: where to run.

    Yields:
        Tables with the columns of `FACTS`, in the order of `found`.
    """
    files = found.select("path", "bytes").rows()
    tasks = [
        ExamineTask(source, files[start : start + FILES_PER_TASK], decoding, limits)
        for start in range(0, len(files), FILES_PER_TASK)
    ]
    yield from run_guarded(
        examine_files, tasks, execute, memory_mib=limits.memory_mib, divide=_one_by_one, give_up=_worker_died
    )


def examine_files(task: ExamineTask) -> pl.DataFrame:
    """Looks into the files of one task, in this process; columns as in `FACTS`."""
    with _alarm() as timed:
        looks = [_look(task, path, num_bytes, timed=timed) for path, num_bytes in task.files]
    return _table(looks)


def _look(task: ExamineTask, path: bytes, num_bytes: int, *, timed: bool) -> _Look:
    if num_bytes > task.limits.max_bytes:
        message = f"{num_bytes:,} bytes are more than ingest.limits.max_bytes = {task.limits.max_bytes:,}"
        return _Look(path, reason="too_many_bytes", message=message)
    try:
        with _time_limit(task.limits.seconds) if timed else nullcontext():
            return _look_inside(task, path, num_bytes)
    except (MemoryError, cv2.error) as error:
        return _Look(path, reason="too_much_memory", message=f"{type(error).__name__} while it was read or measured")
    except _TooSlow:
        message = f"reading and decoding it takes more than ingest.limits.seconds = {task.limits.seconds:g}"
        return _Look(path, reason="too_slow", message=message)


def _look_inside(task: ExamineTask, path: bytes, num_bytes: int) -> _Look:
    try:
        content = read_file(task.source, path, num_bytes)
    except ChangedError as error:
        return _Look(path, reason="changed", message=f"{error}; run again")
    except FileNotFoundError:
        return _Look(path, reason="changed", message="it vanished while the folder was read; run again")
    except OSError as error:
        return _Look(path, reason="unreadable", message=f"{type(error).__name__}: {error.strerror}")
    file_digest = digest_bytes(content)
    try:
        decoded = decode(content, task.decode)
        verify(content)
        height, width, _ = decoded.pixels.shape
        if min(height, width) < task.limits.min_side:
            raise Undecodable("too_small", f"{width} x {height} pixels; ingest.limits.min_side = {task.limits.min_side}")
        if _is_constant(decoded.pixels):
            raise Undecodable("constant", f"every pixel is {', '.join(map(str, decoded.pixels[0, 0]))}")
        return _Look(
            path,
            width=width,
            height=height,
            mode=decoded.mode,
            format=decoded.format,
            orientation=decoded.orientation,
            num_frames=decoded.num_frames,
            digest=digest_pixels(decoded.pixels),
            file_digest=file_digest,
            doubt=decoded.doubt,
            picture=shrunk(decoded.pixels) if max(height, width) <= WIDEST * min(height, width) else None,
            measured=measured_copy(decoded.pixels),
        )
    except Undecodable as refusal:
        return _Look(path, file_digest=file_digest, reason=refusal.reason, message=refusal.message)


def _is_constant(image: Pixels) -> bool:
    """Compares bytes, which takes a tenth of the time that numpy takes for a small image; one row mostly tells."""
    _, width, channels = image.shape
    row = image[0].tobytes()
    return bool(row == row[:channels] * width and image.tobytes() == row * len(image))


def _table(looks: list[_Look]) -> pl.DataFrame:
    columns = {name: [getattr(look, name) for look in looks] for name in ("path", *_DECODED)}
    measures = {name: np.full(len(looks), np.nan) for name in MEASURES}
    rows_of_shape: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for row, look in enumerate(looks):
        if look.measured is not None:
            rows_of_shape[look.measured.shape].append(row)
    for rows in _batches(rows_of_shape.values()):
        for name, values in measure(np.stack([image for row in rows if (image := looks[row].measured) is not None])).items():
            measures[name][rows] = values
    prints: list[bytes | None] = [None] * len(looks)
    pictures = {row: look.picture for row, look in enumerate(looks) if look.picture is not None}
    if pictures:
        for row, values in zip(pictures, fingerprints(np.stack(list(pictures.values()))), strict=True):
            prints[row] = values.tobytes()
    return pl.DataFrame({**columns, **measures, "fingerprint": prints}, schema=FACTS, nan_to_null=True)


def _batches(groups: Iterable[list[int]]) -> Iterator[list[int]]:
    """Divides groups of rows: measuring takes some tens of times the memory of what is measured."""
    for rows in groups:
        yield from (rows[start : start + _MEASURED_AT_ONCE] for start in range(0, len(rows), _MEASURED_AT_ONCE))


def _one_by_one(task: ExamineTask) -> list[ExamineTask]:
    return [ExamineTask(task.source, [file], task.decode, task.limits) for file in task.files]


def _worker_died(task: ExamineTask) -> pl.DataFrame:
    (path, _), *_ = task.files
    message = "the process that decoded it died, twice; it ran out of memory or time, or the decoder failed"
    return _table([_Look(path, reason="worker_died", message=message)])


@contextmanager
def _alarm() -> Iterator[bool]:
    """Makes an alarm end what is going on, where the system has alarms and this thread may hear them."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield False
        return
    before = signal.signal(signal.SIGALRM, _ring)
    try:
        yield True
    finally:
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raises `_TooSlow` when the time is over; a decoder that does not come back to Python by twice that ends this process."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_PROF, 2 * seconds)  # of CPU time; nobody handles SIGPROF, so it ends the process
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)


def _ring(_number: int, _frame: FrameType | None) -> None:
    raise _TooSlow
