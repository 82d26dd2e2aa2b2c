"""Looks into each file: what it is, what it shows in figures, or why it cannot be used.

Nothing that a file does stops the run. A decoder's exception, a limit that is passed and a worker that dies each become a row.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import polars as pl

from dataprep.config.decode import Decoding
from dataprep.config.execute import ExecuteConfig
from dataprep.config.ingest import LimitsConfig
from dataprep.core.errors import ChangedError
from dataprep.decode.deep_samples import Samples
from dataprep.decode.image import Pixels, Undecodable, digest_bytes, digest_pixels, load, own_range, verify
from dataprep.decode.to_8_bits import count_clipped, digest_samples, to_uint8
from dataprep.decode.value_range import MEASURED, SCALED, format_level, lacking_width, measure_extent
from dataprep.execute.executor import run_guarded
from dataprep.execute.file_time_limit import FileTooSlowError, alarm, file_seconds
from dataprep.ingest.perceptual_features import WIDEST, extract_features, shrunk
from dataprep.ingest.quality import MEASURES, measure, measured_copy
from dataprep.source.other_files import is_text
from dataprep.source.raw_folder import Source, read_file
from dataprep.store.manifest import Reason

FILES_PER_TASK = 256
_MEASURED_AT_ONCE = 64

_DECODED = {
    "width": pl.Int32(),  # upright
    "height": pl.Int32(),
    "mode": pl.String(),
    "format": pl.String(),
    "orientation": pl.Int32(),
    "num_frames": pl.Int32(),
    **MEASURED,
    **SCALED,
    "digest": pl.String(),
    "file_digest": pl.String(),
    "doubt": pl.String(),  # what is wrong with the bytes of a file whose pixels are whole
    "reason": pl.String(),
    "message": pl.String(),
    "is_text": pl.Boolean(),  # of what is no image
}

WORKER_DIED = "the process that decoded it died, twice; it ran out of memory or time, or the decoder failed"

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
    decode: Decoding
    limits: LimitsConfig


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look into a file showed. What is None was not reached; `reason` then says why."""

    path: bytes
    width: int | None = None
    height: int | None = None
    mode: str | None = None
    format: str | None = None
    orientation: int | None = None
    num_frames: int | None = None
    sample_type: str | None = None
    stated_low: float | None = None
    stated_high: float | None = None
    lowest: float | None = None
    highest: float | None = None
    num_values: int | None = None
    black_level: float | None = None
    white_level: float | None = None
    num_levels: int | None = None
    num_clipped: int | None = None
    digest: str | None = None
    file_digest: str | None = None
    doubt: str | None = None
    reason: Reason | None = None
    message: str | None = None
    is_text: bool | None = None
    picture: Pixels | None = field(default=None, repr=False)
    measured: Pixels | None = field(default=None, repr=False)


def examine(
    found: pl.DataFrame, *, source: Source, decoding: Decoding, limits: LimitsConfig, execute: ExecuteConfig
) -> Iterator[pl.DataFrame]:
    """Reads, verifies, decodes and measures files in worker processes.

    Args:
        found: rows of `scan` that may be opened.
        source: the raw folder.
        decoding: how to decode; where it has no range for a type, an image is scaled by its own range for now.
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
    with alarm() as timed:
        looks = [_look(task, path, num_bytes, timed=timed) for path, num_bytes in task.files]
    return _table(looks)


def _look(task: ExamineTask, path: bytes, num_bytes: int, *, timed: bool) -> _Look:
    if num_bytes > task.limits.max_bytes:
        return _Look(path, reason="too_many_bytes", message=too_many_bytes(num_bytes, task.limits))
    try:
        with file_seconds(task.limits.seconds) if timed else nullcontext():
            return _look_inside(task, path, num_bytes)
    except (MemoryError, cv2.error) as error:
        return _Look(path, reason="too_much_memory", message=f"{type(error).__name__} while it was read or measured")
    except FileTooSlowError:
        return _Look(path, reason="too_slow", message=too_slow(task.limits))


def _look_inside(task: ExamineTask, path: bytes, num_bytes: int) -> _Look:
    try:
        content = read_file(task.source, path, num_bytes)
    except ChangedError as error:
        return _Look(path, reason="changed", message=f"{error}; run again")
    except FileNotFoundError:
        return _Look(path, reason="changed", message="it vanished while the folder was read; run again")
    except OSError as error:
        return _Look(path, reason="unreadable", message=f"{type(error).__name__}: {error.strerror}")
    look = _Look(path, file_digest=digest_bytes(content))
    try:
        loaded = load(content, task.decode)
        doubt = loaded.doubt or verify(content)
        height, width = loaded.shape
        check_side(height, width, task.limits.min_side)
        look, pixels = _to_pixels(look, loaded.image, task.decode)
        _check_range(look, task.decode)
        if is_constant(pixels):
            raise Undecodable("constant", _of_one_value(content, pixels, look, task.decode))
        return replace(
            look,
            width=width,
            height=height,
            mode=loaded.mode,
            format=loaded.format,
            orientation=loaded.orientation,
            num_frames=loaded.num_frames,
            doubt=doubt,
            picture=shrunk(pixels) if max(height, width) <= WIDEST * min(height, width) else None,
            measured=measured_copy(pixels),
        )
    except Undecodable as refusal:
        text = is_text(content) if refusal.reason == "not_an_image" else None
        return replace(look, digest=None, reason=refusal.reason, message=refusal.message, is_text=text)


def _to_pixels(look: _Look, image: Pixels | Samples, decoding: Decoding) -> tuple[_Look, Pixels]:
    """Adds the digest, and the facts of more than 8 bits. Gives the pixels too, scaled by the range of the type or image."""
    if not isinstance(image, Samples):
        return replace(look, digest=digest_pixels(image)), image
    extent = measure_extent(image)
    if extent is None:
        raise Undecodable("constant", "no pixel is both visible and a number")
    levels = decoding.levels.get(image.depth.sample_type) or own_range(extent, decoding)
    pixels = to_uint8(image, levels, decoding.background)
    stated_low, stated_high = extent.stated or (None, None)
    seen = replace(
        look,
        sample_type=image.depth.sample_type,
        stated_low=stated_low,
        stated_high=stated_high,
        lowest=extent.lowest,
        highest=extent.highest,
        num_values=extent.num_values,
        black_level=levels[0],
        white_level=levels[1],
        num_levels=int(np.count_nonzero(np.bincount(pixels.reshape(-1), minlength=256))),
        num_clipped=count_clipped(image, levels),
        digest=digest_samples(image),
    )
    return seen, pixels


def _check_range(look: _Look, decoding: Decoding) -> None:
    """Refuses an image where black is not below white. Its lowest and highest value are kept, since another range may fit."""
    if look.sample_type is None or look.black_level is None or look.white_level is None:
        return
    if words := lacking_width(look.sample_type, (look.black_level, look.white_level), decoding):
        raise Undecodable("unknown_range", words)


def _of_one_value(content: bytes, pixels: Pixels, look: _Look, decoding: Decoding) -> str:
    """Describes a constant image. Where its shape stands in the transparency alone, says how to show it."""
    message = _every_pixel(pixels, look)
    other = decoding.model_copy(update={"background": 0 if decoding.background >= 128 else 255})
    _, on_other = _to_pixels(look, load(content, other).image, other)
    if np.array_equal(on_other, pixels):
        return message
    if is_constant(on_other):
        return "every pixel is equally transparent; it shows nothing on any background"
    return (
        f"{message} on ingest.decode.background = {decoding.background}, the color of what is drawn; its shape stands in its "
        f"transparency. Set ingest.decode.background: {other.background}"
    )


def _every_pixel(pixels: Pixels, look: _Look) -> str:
    message = f"every pixel is {', '.join(map(str, pixels[0, 0]))}"
    if look.black_level is None or look.white_level is None:
        return message
    return f"{message} where {format_level(look.black_level)} becomes 0 and {format_level(look.white_level)} becomes 255"


def too_many_bytes(num_bytes: int, limits: LimitsConfig) -> str:
    """The message about a file that is too large to be read."""
    return f"{num_bytes:,} bytes are more than ingest.limits.max_bytes = {limits.max_bytes:,}"


def too_slow(limits: LimitsConfig) -> str:
    """The message about a file that takes too long."""
    return f"reading and decoding it takes more than ingest.limits.seconds = {limits.seconds:g}"


def check_side(height: int, width: int, min_side: int) -> None:
    """Refuses an image that is narrower or lower than `ingest.limits.min_side`.

    Raises:
        Undecodable: it is.
    """
    if min(height, width) < min_side:
        raise Undecodable("too_small", f"{width} x {height} pixels; ingest.limits.min_side = {min_side}")


def is_constant(image: Pixels) -> bool:
    """Whether all pixels are equal. Bytes are compared: for a small image in a tenth of numpy's time; one row often decides."""
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
    features: list[bytes | None] = [None] * len(looks)
    pictures = {row: look.picture for row, look in enumerate(looks) if look.picture is not None}
    if pictures:
        for row, values in zip(pictures, extract_features(np.stack(list(pictures.values()))), strict=True):
            features[row] = values.tobytes()
    return pl.DataFrame({**columns, **measures, "fingerprint": features}, schema=FACTS, nan_to_null=True)


def _batches(groups: Iterable[list[int]]) -> Iterator[list[int]]:
    """Divides groups of rows, since measuring takes some tens of times the memory of the images."""
    for rows in groups:
        yield from (rows[start : start + _MEASURED_AT_ONCE] for start in range(0, len(rows), _MEASURED_AT_ONCE))


def _one_by_one(task: ExamineTask) -> list[ExamineTask]:
    return [ExamineTask(task.source, [file], task.decode, task.limits) for file in task.files]


def _worker_died(task: ExamineTask) -> pl.DataFrame:
    (path, _), *_ = task.files
    return _table([_Look(path, reason="worker_died", message=WORKER_DIED)])
