"""The pixels that `image.decode` gives, sooner, for the two kinds of file that nearly all data sets are made of.

A plain PNG goes to OpenCV and a plain JPEG to libjpeg-turbo, which decodes gray levels alone, and at a reduced scale where that
is enough. All else, and whatever these refuse, goes to `image.decode`. Neither notices a file that was cut: this is for bytes
that ingest has seen, or that `image.decode` and `image.verify` have passed.
"""

import io
import math
from typing import Literal

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from dataprep.config.decode import Decoding
from dataprep.decode.image import FORMATS, Pixels, decode, orientation_of, to_gray, to_rgb, turned

Size = tuple[int, int]

_JPEG = b"\xff\xd8\xff"
_PNG_HEADER = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_COLOR_OF_PNG: dict[bytes, Literal["gray", "rgb"]] = {b"\x08\x00": "gray", b"\x08\x02": "rgb"}  # by bit depth and color type
_UNUSUAL_IN_PNG = (b"tRNS", b"acTL", b"eXIf", b"Raw profile type", b"XML:com.adobe")
_MAY_BE_TURNED = (b"Exif\0", b"http://ns.adobe.com/xap/")
_SWAPS_SIDES = 5  # EXIF orientations from here on lie on their side
_IMREAD = {
    "gray": cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION,
    "rgb": cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION,
}
"""Of a PNG in the colors that it has."""


def decode_quickly(content: bytes, config: Decoding, *, color: Literal["gray", "rgb"], least: Size | None = None) -> Pixels:
    """Decodes an image, upright, in gray or RGB.

    Args:
        content: the bytes of the file.
        config: limits, background and ranges.
        color: gray by `to_gray`, of a JPEG the luminance that it stores, which is the same formula; or RGB by `to_rgb`.
        least: height and width in pixels, upright; a JPEG is decoded at 1/2, 1/4 or 1/8 where that is not below them (other
            scales take longer than the whole). None: at its own size.

    Returns:
        (H, W, 1 or 3) uint8. At full scale these are the values of `image.decode`; but the gray of a JPEG with colors is what
        the file says, and not what is left of it after its colors were cut to what RGB can show.

    Raises:
        Undecodable: with the reason.
    """
    pixels = None
    if content.startswith(_PNG_HEADER):
        pixels = _decode_png(content, color)
    elif content.startswith(_JPEG):
        pixels = _decode_jpeg(content, color, least)
    if pixels is None:
        decoded = decode(content, config).pixels
        pixels = to_gray(decoded) if color == "gray" else to_rgb(decoded)
    return pixels


def _decode_png(content: bytes, color: Literal["gray", "rgb"]) -> Pixels | None:
    own = _COLOR_OF_PNG.get(content[24:26])
    if own is None:
        return None
    for word in _UNUSUAL_IN_PNG:
        if word in content:
            return None
    image = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), _IMREAD[own])
    if image is None:
        return None
    if own == "gray":
        pixels: Pixels = image[:, :, np.newaxis]  # type: ignore[assignment]  # of 8 bits: the header says so
        return pixels if color == "gray" else to_rgb(pixels)
    return to_gray(image) if color == "gray" else image  # type: ignore[arg-type,return-value]


def _decode_jpeg(content: bytes, color: Literal["gray", "rgb"], least: Size | None) -> Pixels | None:
    try:
        height, width, colorspace, _ = simplejpeg.decode_jpeg_header(content)
        if colorspace not in ("YCbCr", "Gray"):
            return None
        orientation = 1
        if any(word in content for word in _MAY_BE_TURNED):
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                orientation = orientation_of(image)
        divisor = 1
        if least is not None:
            least_height, least_width = least if orientation < _SWAPS_SIDES else least[::-1]
            divisor = next((by for by in (8, 4, 2) if height >= by * least_height and width >= by * least_width), 1)
        pixels: Pixels = simplejpeg.decode_jpeg(
            content,
            "GRAY" if color == "gray" else "RGB",
            min_height=math.ceil(height / divisor),
            min_width=math.ceil(width / divisor),
        )
    except Exception:  # noqa: BLE001  # `image.decode` says what is wrong, or reads what these two do not
        return None
    return turned(pixels, orientation)
