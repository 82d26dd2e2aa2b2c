"""From the bytes of an image file to upright 8-bit pixels, or to the reason why not.

The type is told by content, never by name, from a short list of formats. Every exception of a decoder becomes an
`Undecodable`, whatever its class: Pillow refuses broken files with OSError, SyntaxError, IndexError, TypeError and more.
"""

import io
import warnings
import zlib
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import PIL
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from dataprep import damage, jpeg
from dataprep.config import DecodeConfig

Pixels: TypeAlias = NDArray[np.uint8]
"""(H, W, C) uint8, C = 1 (gray) or 3 (RGB), rows from the top; stacks of images are (N, H, W, C)."""

DecodeReason = Literal[
    "empty",
    "not_an_image",
    "too_many_pixels",
    "unsupported_mode",
    "undecodable",
    "damaged",
    "too_much_memory",
    "too_small",
    "constant",
]

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM")

_JPEGS = ("JPEG", "MPO")
_JPEG_COLORS: dict[str, damage.JpegColors] = {"L": "GRAY", "CMYK": "CMYK"}
_ORIENTATION_TAG = 0x0112
_FLIPS = {1: (1, 1), 2: (1, -1), 3: (-1, -1), 4: (-1, 1), 5: (1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}
_PNG = b"\x89PNG\r\n\x1a\n"
_GIF = (b"GIF87a", b"GIF89a")
_GIF_END = b"\0;"  # of the last block, and the trailer
_TIFF = (b"II*\0", b"MM\0*")
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")


class Undecodable(Exception):
    """The bytes are no image that can be used; `reason` is one word of a closed list."""

    def __init__(self, reason: DecodeReason, message: str) -> None:
        super().__init__(message)
        self.reason: DecodeReason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Decoded:
    """An upright image and what its file said of itself before it was turned and converted."""

    pixels: Pixels
    format: str
    mode: str
    orientation: int
    num_frames: int  # above 1: an animation or a file of several pages, of which `pixels` is the first
    doubt: str | None = None  # what is wrong with the bytes of the file, though not with its pixels


def verify(content: bytes) -> None:
    """Checks what decoders let pass: the checksums of a PNG, and an end that is missing.

    These are all the checks that Pillow's own `verify` makes, in any format; that one would have to open the file once more.

    Raises:
        Undecodable: a checksum is wrong, or the file was cut.
    """
    if content.startswith(_PNG):
        _check_chunks(content)
    elif content.startswith(_GIF) and _GIF_END not in content:
        raise _cut("GIF")


def decode(content: bytes, config: DecodeConfig) -> Decoded:
    """Decodes an image, turns it upright by its EXIF orientation and converts it to 8 bits.

    16-bit gray is scaled, not clipped; transparent pixels are laid on `config.background`; of an animation the first frame
    is taken.

    Args:
        content: the bytes of the file.
        config: limits and background.

    Raises:
        Undecodable: with the reason.
    """
    try:
        with _open(content, config) as image:
            mode, orientation = image.mode, orientation_of(image)  # first: when Pillow loads a TIFF, it turns it and forgets
            pixels, doubt = _pixels_of(image, content, config)
            if image.format != "TIFF":
                pixels = turned(pixels, orientation)
            # Last: to count the frames of some formats, Pillow moves from one to the next.
            return Decoded(pixels, image.format or "", mode, orientation, getattr(image, "n_frames", 1), doubt)
    except Undecodable:
        raise
    except Exception as error:  # decoders refuse in many classes; see the module's docstring
        raise _refused(error) from error


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none; cameras and editors write all kinds of things into that field."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001  # metadata that cannot be read are none: the pixels decide
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def turned(image: Pixels, orientation: int) -> Pixels:
    """Turns (H, W, C) pixels upright that are stored in an EXIF orientation, 1 to 8."""
    if orientation >= 5:  # stored by columns
        image = image.transpose(1, 0, 2)
    rows, columns = _FLIPS[orientation]
    return np.ascontiguousarray(image[::rows, ::columns])


def to_gray(image: Pixels) -> Pixels:
    """Converts (H, W, 3) RGB to (H, W, 1): 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded. Gray passes unchanged."""
    if image.shape[2] == 1:
        return image
    weights = np.array([19595, 38470, 7471], dtype=np.uint32)  # the formula in 16-bit fixed point; they sum to 65536
    return ((image @ weights + 0x8000) >> 16).astype(np.uint8)[:, :, np.newaxis]


def to_rgb(image: Pixels) -> Pixels:
    """Repeats the channel of a gray image three times. RGB passes unchanged."""
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


def digest_bytes(content: bytes) -> str:
    """128-bit BLAKE2b of a file's bytes, in hex."""
    return blake2b(content, digest_size=16).hexdigest()


def digest_pixels(image: Pixels) -> str:
    """128-bit BLAKE2b of the shape and the values of (H, W, C) pixels, in hex.

    Equal for equal pictures in any lossless file format: gray that is stored as RGB counts as gray.
    """
    if (
        image.shape[2] == 3
        and np.array_equal(image[:, :, 0], image[:, :, 1])
        and np.array_equal(image[:, :, 0], image[:, :, 2])
    ):
        image = image[:, :, :1]
    return blake2b(repr(image.shape).encode() + image.tobytes(), digest_size=16).hexdigest()


def decoder_mark(config: DecodeConfig) -> str:
    """Changes with all that decides what a file decodes to: this module, Pillow, the configuration."""
    code = (Path(str(module)).read_bytes() for module in (__file__, damage.__file__, jpeg.__file__))
    versions = (PIL.__version__.encode(), simplejpeg.__version__.encode())
    parts = (*code, *versions, config.model_dump_json().encode())
    return blake2b(b"\0".join(parts), digest_size=8).hexdigest()


def _pixels_of(image: Image.Image, content: bytes, config: DecodeConfig) -> tuple[Pixels, str | None]:
    """The pixels as they are stored, not turned, and what is doubtful about the bytes of the file."""
    doubt = None
    if image.format in _JPEGS:
        stored, doubt = damage.decode_strictly(content, _JPEG_COLORS.get(image.mode, "RGB"))
        if stored is not None and image.mode in ("L", "RGB") and stored.shape[:2] == image.size[::-1]:
            return stored, doubt  # the pixels that Pillow gives, in a third of the time
        if doubt is not None:
            image = Image.open(io.BytesIO(jpeg.read_layout(content).plain), formats=FORMATS)
    image.load()
    return _to_uint8(image, config.background), doubt


def _open(content: bytes, config: DecodeConfig) -> Image.Image:
    """Reads the header; what says there that it is too large is refused before any pixel is decoded."""
    if not content:
        raise Undecodable("empty", "the file has 0 bytes")
    try:
        image = _open_strictly(content) if content.startswith(_TIFF) else Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise Undecodable("not_an_image", f"the content is none of {', '.join(FORMATS)}") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise Undecodable("too_many_pixels", str(error)) from error
    width, height = image.size
    if width * height > config.max_pixels:
        raise Undecodable("too_many_pixels", f"{width} x {height} pixels are more than max_pixels = {config.max_pixels:,}")
    return image


def _open_strictly(content: bytes) -> Image.Image:
    """Of a TIFF, what Pillow only warns of says that its end is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        return Image.open(io.BytesIO(content), formats=FORMATS)


def _check_chunks(content: bytes) -> None:
    """Goes through the chunks of a PNG: length, name, content, CRC-32 of name and content (ISO/IEC 15948)."""
    view = memoryview(content)
    start = len(_PNG)
    while start + 12 <= len(view):
        length = int.from_bytes(view[start : start + 4], "big")
        end = start + 12 + length
        if end > len(view):
            break
        if zlib.crc32(view[start + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            name = bytes(view[start + 4 : start + 8]).decode("ascii", "backslashreplace")
            raise Undecodable("undecodable", f"the checksum of the PNG's chunk {name!r} is wrong; its bytes changed")
        if content[start + 4 : start + 8] == b"IEND":
            return
        start = end
    raise _cut("PNG")


def _cut(image_format: str) -> Undecodable:
    return Undecodable("undecodable", f"the end of the {image_format} is missing; the file was cut")


def _refused(error: Exception) -> Undecodable:
    if isinstance(error, MemoryError):
        return Undecodable("too_much_memory", "decoding it needs more memory than a worker may take")
    if isinstance(error, damage.DamageError):
        return Undecodable("damaged", f"the picture is not what was written: {error}. Replace it with an intact copy")
    return Undecodable("undecodable", f"{type(error).__name__}: {error}")


def _to_uint8(image: Image.Image, background: int) -> Pixels:
    """Converts by an explicit table of modes, so that none is clipped or misread in silence."""
    mode, transparent = image.mode, "transparency" in image.info
    if mode in ("1", "L") and not transparent:
        return np.array(image if mode == "L" else image.convert("L"))[:, :, np.newaxis]
    if mode == "RGB" and not transparent:
        return np.array(image)
    if mode in _SIXTEEN_BIT or (mode == "I" and image.format == "PPM"):  # Pillow's mode for a 16-bit PGM
        levels = np.array(image).astype(np.uint32)
        highest = 2 ** _bits_of_tiff(image) - 1
        gray: NDArray[np.uint8] = ((np.minimum(levels, highest) * 255 + highest // 2) // highest).astype(np.uint8)
        if _white_is_zero(image):
            gray = 255 - gray
        if transparent and isinstance(image.info["transparency"], int):
            gray[levels == image.info["transparency"]] = background
        return gray[:, :, np.newaxis]
    if mode in ("1", "L", "LA"):
        return np.array(_composite(image, background).convert("L"))[:, :, np.newaxis]
    if mode in ("P", "PA", "RGBA", "RGB"):
        return np.array(_composite(image, background))
    if mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        return np.array(image.convert("RGB"))
    raise Undecodable("unsupported_mode", f"pixels of mode {mode!r} have no stated range; save it with 8 or 16 bits")


def _bits_of_tiff(image: Image.Image) -> int:
    """Cameras write 12 bits into 16; only a TIFF says so."""
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    return int(tags.get(TiffImagePlugin.BITSPERSAMPLE, (16,))[0])


def _white_is_zero(image: Image.Image) -> bool:
    """Pillow inverts such a TIFF of 8 bits and leaves one of 16 as it is."""
    return (
        isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0
    )


def _composite(image: Image.Image, background: int) -> Image.Image:
    """Lays an image with a palette or transparency on a gray background; returns RGB."""
    colored = image.convert("RGBA")
    ground = Image.new("RGBA", colored.size, (background, background, background, 255))
    return Image.alpha_composite(ground, colored).convert("RGB")
