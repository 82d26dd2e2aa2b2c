"""Detects damage in a JPEG: decoders fill missing areas with gray or skip invalid data without an error.

libjpeg warns, but only of the first problem. Some problems change pixels (data that end too soon, unknown codes), some
do not (bytes behind the picture, a wrong version number). Where libjpeg is silent, a file is examined if it decodes without its
last byte, has long runs of zeros, or has colors that no picture has. After a few overwritten bytes, Huffman codes synchronise
again, and from there on all areas are too dark or too bright.
"""

import math
import re
from typing import Literal

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from dataprep.decode.jpeg_structure import (
    BASELINE,
    END,
    PROGRESSIVE,
    BrokenScanError,
    Layout,
    Rest,
    Scan,
    is_complete,
    most_zero_bits,
    read_layout,
    read_scan,
)

JpegColors = Literal["GRAY", "RGB", "CMYK"]

LONGEST_WALK = 300_000
"""The largest scan, in bytes, that is read bit by bit where libjpeg warned; it takes some seconds."""

_SHORT = 16_000  # bytes of a file whose colors are checked; in larger ones damage is seldom silent, and reading takes long
_OUT_OF_GAMUT = 12  # gray levels; 1 in 150 of CIFAR-10's files reaches more
_ZEROS = bytes(8)  # worth a look; and the margin over what one block can be
_FILLED_FOR_SURE = 4  # bits
_START_OF_SCAN = b"\xff\xda"
_STRAY = re.compile(r"extraneous bytes before marker 0x(..)")
_SECOND_PICTURE = b"MPF\0"


class DamageError(Exception):
    """The picture is not the one that was written."""


def decode_strictly(content: bytes, colors: JpegColors) -> tuple[NDArray[np.uint8] | None, str | None]:
    """Decodes a JPEG and checks that it is whole.

    Args:
        content: the bytes of the file.
        colors: what to decode to; CMYK only what is stored so.

    Returns:
        (H, W, 1, 3 or 4) uint8, as stored, not turned; None where libjpeg-turbo cannot read such a file. And what is doubtful
        about its bytes though the pixels are whole, None as a rule.

    Raises:
        DamageError: the pixels are not those that were written.
    """
    try:
        pixels = simplejpeg.decode_jpeg(content, colors)
    except ValueError as error:
        return _judge(content, colors, _words(error))
    return pixels, _look_closer(content, colors, pixels)


def _words(error: ValueError) -> str:
    return str(error).removeprefix("Corrupt JPEG data: ")


def _judge(content: bytes, colors: JpegColors, warning: str) -> tuple[NDArray[np.uint8] | None, str | None]:
    """Finds what a warning means: decodes again without metadata and without bytes between the segments."""
    try:
        layout = read_layout(content)
    except ValueError as error:
        raise DamageError(warning) from error
    try:
        pixels = simplejpeg.decode_jpeg(layout.plain, colors)
    except ValueError as error:
        stray = _STRAY.search(str(error))
        if stray is None:
            if _is_refused(layout, colors):
                return None, _judge_scans(layout, colors, None, before_end=True)
            raise DamageError(_words(error)) from error
        _judge_scans(layout, colors, warning, before_end=stray[1] == "d9")
        return simplejpeg.decode_jpeg(layout.plain, colors, strict=False), warning
    _look_closer(layout.plain, colors, pixels)
    return pixels, warning


def _is_refused(layout: Layout, colors: JpegColors) -> bool:
    """Whether libjpeg-turbo cannot read such a file at all, damaged or not."""
    try:
        simplejpeg.decode_jpeg(layout.plain, colors, strict=False)
    except ValueError:
        return True
    return False


def _look_closer(content: bytes, colors: JpegColors, pixels: NDArray[np.uint8]) -> str | None:
    """Looks for damage that libjpeg does not report; returns what is doubtful."""
    layout, doubt = None, None
    if not content.endswith(END) or content.count(END) > 1 or b"\xff\xc2" in content:
        try:
            layout = read_layout(content)
        except ValueError:  # libjpeg could read it
            return None
        if layout.process == PROGRESSIVE and not is_complete(layout):
            raise DamageError("the last scans of a progressive JPEG are missing")
        num_behind = len(content) - layout.end
        if layout.end > 0 and num_behind and _SECOND_PICTURE not in content:
            doubt = f"{num_behind:,} bytes follow the end of the picture"
        content = content[: layout.end]
    if _has_zeros(content) or not _needs_last_byte(content, colors) or _is_out_of_gamut(content, pixels):
        return _judge_scans(layout or read_layout(content), colors, None, before_end=True) or doubt
    return doubt


def _has_zeros(content: bytes) -> bool:
    return content.find(_ZEROS, content.rfind(_START_OF_SCAN) + 14) >= 0


def _needs_last_byte(content: bytes, colors: JpegColors) -> bool:
    """Whether the data end too soon without their last byte, as in every undamaged file."""
    last = len(content) - len(END) - (2 if content[-4:-2] == b"\xff\0" else 1)
    return _ends_too_soon(content[:last] + END, colors)


def _ends_too_soon(content: bytes, colors: JpegColors) -> bool:
    try:
        # An eighth of the size is enough: all data are read, and few pixels computed.
        simplejpeg.decode_jpeg(content, "CMYK" if colors == "CMYK" else "GRAY", min_height=1, min_width=1, min_factor=8)
    except ValueError as error:
        return "extraneous" not in str(error)
    return False


def _is_out_of_gamut(content: bytes, pixels: NDArray[np.uint8]) -> bool:
    """Compares the stored luminance with that of the colors: they differ where colors had to be cut to what RGB can show."""
    if pixels.shape[2] != 3 or len(content) > _SHORT:
        return False
    try:
        stored = simplejpeg.decode_jpeg(content, "GRAY")
    except ValueError:  # it is stored in RGB
        return False
    return bool(cv2.absdiff(stored[..., 0], cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)).max() > _OUT_OF_GAMUT)


def _judge_scans(layout: Layout, colors: JpegColors, warning: str | None, *, before_end: bool) -> str | None:
    """Reads the scans bit by bit; returns what is doubtful."""
    num_bytes = sum(len(scan.content) for scan in layout.scans)
    if layout.process not in BASELINE or layout.bits != 8 or num_bytes > LONGEST_WALK:
        if warning and not (before_end and _ends_well(layout, colors)):
            raise DamageError(warning)
        return warning
    num_left = 0
    for scan in layout.scans:
        try:
            rest = read_scan(layout, scan)
        except BrokenScanError as error:
            raise DamageError(str(error)) from error
        if _has_zeros_within(scan, rest):
            raise DamageError("a part of the data was overwritten with zeros")
        if rest.content and not _is_harmless(rest):
            raise DamageError(f"{len(rest.content):,} bytes of data are left when all areas of the picture are filled")
        num_left += len(rest.content)
    return warning or (f"{num_left:,} bytes between the picture and its end" if num_left else None)


def _has_zeros_within(scan: Scan, rest: Rest) -> bool:
    """Whether there are more zeros within the data, or across their end, than the blocks of a picture can contain."""
    most = most_zero_bits(scan)
    if math.isinf(most):
        return False
    raw = scan.content.replace(b"\xff\0", b"\xff")
    used = raw[: len(raw) - len(rest.content)]
    return bytes(math.ceil(most / 8) + len(_ZEROS)) in used or (used.endswith(b"\0\0") and rest.content.startswith(b"\0"))


def _is_harmless(rest: Rest) -> bool:
    """Whether the rest was added behind a whole picture: an encoder fills the last byte of the picture with ones.

    After damage, the byte looks like that by chance in one of four cases; then the rest is blocks, up to the end of the data.
    """
    return rest.is_filled and (_is_filling(rest.content) or rest.num_filled >= _FILLED_FOR_SURE or not rest.goes_on)


def _is_filling(content: bytes) -> bool:
    """Whether bytes are certainly no data of a picture: one repeated value, or text."""
    return len(set(content)) <= 1 or (content.isascii() and content.decode("ascii").isprintable())


def _ends_well(layout: Layout, colors: JpegColors) -> bool:
    """The same for any scan, by decoding: finds its last byte, and in it the bits that change nothing."""
    plain = layout.plain[: -len(END)]
    start, stop = len(plain) - len(layout.scans[-1].content), len(plain)
    while stop - start > 1:  # the data end too soon at `start`, and do not at `stop`
        middle = (start + stop) // 2
        if _ends_too_soon(plain[:middle] + END, colors):
            start = middle
        else:
            stop = middle
    last, rest = plain[stop - 1], plain[stop:]
    if _is_filling(rest):
        return rest[:1] != bytes([last])
    whole = simplejpeg.decode_jpeg(plain[:stop] + END, colors, strict=False)
    for bit in range(8):
        changed = plain[: stop - 1] + bytes([last ^ 1 << bit]) + END
        if not np.array_equal(simplejpeg.decode_jpeg(changed, colors, strict=False), whole):
            return True
        if not last >> bit & 1:
            return False
    return True
