"""From the bytes of an image file to upright 8-bit pixels, or to the reason why not.

The format is recognised by content, never by name, from a short list. Every exception of a decoder becomes an `Undecodable`,
whatever its class: Pillow refuses broken files with OSError, SyntaxError, IndexError, TypeError and more.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

import numpy as np
import PIL
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from dataprep.config.decode import DecodeConfig, Decoding
from dataprep.core.errors import in_short, on_one_line
from dataprep.decode import deep_samples, to_8_bits, value_range
from dataprep.decode import jpeg_damage as damage
from dataprep.decode import jpeg_structure as jpeg
from dataprep.decode import png_chunks as png
from dataprep.decode import tiff_damage as tiff
from dataprep.decode.deep_samples import Range, Samples, depth_of, has_separate_planes, read_samples
from dataprep.decode.to_8_bits import to_uint8
from dataprep.decode.value_range import Extent, lacking_width, measure_extent, range_of

Pixels: TypeAlias = NDArray[np.uint8]
"""(H, W, C) uint8, C = 1 (gray) or 3 (RGB), rows from the top; stacks of images are (N, H, W, C)."""

V = TypeVar("V", bound=np.generic)

DecodeReason = Literal[
    "empty",
    "not_an_image",
    "too_many_pixels",
    "unsupported_mode",
    "unknown_range",
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
_GIF = (b"GIF87a", b"GIF89a")
_GIF_END = b"\0;"  # of the last block, and the trailer


class Undecodable(Exception):
    """The bytes are not a usable image; `reason` is one of a closed list."""

    def __init__(self, reason: DecodeReason, message: str) -> None:
        super().__init__(message)
        self.reason: DecodeReason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Decoded:
    """An upright image, and the properties of its file before it was rotated and converted."""

    pixels: Pixels
    format: str
    mode: str
    orientation: int
    num_frames: int  # above 1: an animation or a file of several pages, of which `pixels` is the first
    doubt: str | None = None  # what is wrong with the bytes of the file, while its pixels are whole


@dataclass(frozen=True, slots=True)
class Loaded:
    """As `Decoded`, but a file with more than 8 bits has its samples here, since their range is not known yet."""

    image: Pixels | Samples
    format: str
    mode: str
    orientation: int
    num_frames: int
    doubt: str | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, upright."""
        values = self.image.values if isinstance(self.image, Samples) else self.image
        return values.shape[0], values.shape[1]


def verify(content: bytes) -> str | None:
    """Checks what decoders ignore: the checksums of a PNG, the strips of a TIFF, and a missing end.

    This includes all checks of Pillow's own `verify`, which would open the file once more.

    Returns:
        What is wrong with bytes that decide no pixel, None as a rule.

    Raises:
        Undecodable: a checksum is wrong, or the file was cut.
    """
    if content.startswith(png.SIGNATURE):
        return _check_png(content)
    if content.startswith(_GIF) and _GIF_END not in content:
        raise _cut("GIF")
    if content.startswith(tiff.HEADERS):
        try:
            return tiff.check_strips(content)
        except damage.DamageError as error:
            raise _refused(error) from error
    return None


def decode(content: bytes, config: Decoding) -> Decoded:
    """Decodes an image, rotates it upright by its EXIF orientation and converts it to 8 bits.

    More than 8 bits are scaled by the range of their type in `config.levels`. Transparent pixels are blended with
    `config.background`. Of an animation, the first frame is used.

    Args:
        content: the bytes of the file.
        config: limits, background and ranges.

    Raises:
        Undecodable: with the reason; it is `unknown_range` where the range depends on a data set without such samples.
    """
    loaded = load(content, config)
    image = loaded.image
    pixels = to_uint8(image, _known_range(image, config), config.background) if isinstance(image, Samples) else image
    return Decoded(pixels, loaded.format, loaded.mode, loaded.orientation, loaded.num_frames, loaded.doubt)


def load(content: bytes, config: DecodeConfig) -> Loaded:
    """Reads an image and rotates it upright, as `decode` does; more than 8 bits stay as they are stored.

    Args:
        content: the bytes of the file.
        config: limits and background.

    Raises:
        Undecodable: with the reason.
    """
    try:
        return _load(content, config)
    except Undecodable as refusal:
        why = f" ({refusal.message})" if refusal.reason == "undecodable" else ""
        for what, plain in _plainer_copies(content) if refusal.reason in ("undecodable", "not_an_image") else ():
            with suppress(Undecodable):
                return replace(_load(plain, config), doubt=f"{what} cannot be read{why}; they are ignored")
        if refusal.reason == "not_an_image" and (unusual := tiff.unusual_samples(content)):
            raise Undecodable(
                "unsupported_mode",
                f"a TIFF whose pixels are {unusual} is not read; convert it to gray of 8, 16 or 32 bits or float32, or to "
                "RGB of 8 or 16 bits",
            ) from refusal
        raise


def _load(content: bytes, config: DecodeConfig) -> Loaded:
    try:
        with _quiet_if_tiff(content), _open(content, config) as image:
            mode, orientation = (
                image.mode,
                orientation_of(image),
            )  # first: when Pillow loads a TIFF, it rotates it and drops the tag
            pixels, doubt = _pixels_of(image, content, config)
            if image.format != "TIFF":
                pixels = _turned_samples(pixels, orientation) if isinstance(pixels, Samples) else turned(pixels, orientation)
            # Last: to count the frames of some formats, Pillow moves to the next ones.
            return Loaded(pixels, image.format or "", mode, orientation, getattr(image, "n_frames", 1), doubt)
    except Undecodable:
        raise
    except Exception as error:  # decoders raise many classes; see the module's docstring
        raise _refused(error) from error


def _plainer_copies(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Copies of the file without parts that decide no pixel and may be wrong: the name of the parts, and the copy.

    Raises:
        Undecodable: a part that decides pixels is wrong.
    """
    if content.startswith(png.SIGNATURE):
        _check_checksums(content)
        yield "its metadata", png.without_metadata(content)
    if content.startswith(tiff.HEADERS):
        with suppress(tiff.BrokenDirectoryError):
            yield "its metadata", tiff.without_broken_tags(content, first_page_only=False)
            yield "its later pages", tiff.without_broken_tags(content, first_page_only=True)


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none or an invalid one; cameras and editors write many odd values."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001  # metadata that cannot be read is ignored: the pixels decide
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def turned(image: NDArray[V], orientation: int) -> NDArray[V]:
    """Rotates (H, W, C) pixels upright that are stored in an EXIF orientation, 1 to 8."""
    if orientation >= 5:  # stored by columns
        image = image.transpose(1, 0, 2)
    rows, columns = _FLIPS[orientation]
    return np.ascontiguousarray(image[::rows, ::columns])


def to_gray(image: Pixels) -> Pixels:
    """Converts (H, W, 3) RGB to (H, W, 1): 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded. A gray image stays as it is."""
    if image.shape[2] == 1:
        return image
    weights = np.array([19595, 38470, 7471], dtype=np.uint32)  # the formula in 16-bit fixed point; they sum to 65536
    return ((image @ weights + 0x8000) >> 16).astype(np.uint8)[:, :, np.newaxis]


def to_rgb(image: Pixels) -> Pixels:
    """Repeats the channel of a gray image three times. RGB stays as it is."""
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


def digest_bytes(content: bytes) -> str:
    """128-bit BLAKE2b of a file's bytes, in hex."""
    return blake2b(content, digest_size=16).hexdigest()


def digest_pixels(image: Pixels) -> str:
    """128-bit BLAKE2b of the shape and the values of (H, W, C) pixels, in hex.

    It is equal for equal pictures in any lossless file format: gray that is stored as RGB counts as gray.
    """
    if (
        image.shape[2] == 3
        and np.array_equal(image[:, :, 0], image[:, :, 1])
        and np.array_equal(image[:, :, 0], image[:, :, 2])
    ):
        image = image[:, :, :1]
    return blake2b(repr(image.shape).encode() + image.tobytes(), digest_size=16).hexdigest()


def decoder_mark(config: DecodeConfig) -> str:
    """A hash of all that decides how a file is read, but for the range of more than 8 bits."""
    modules = (damage, jpeg, deep_samples, png, tiff, to_8_bits, value_range)
    code = (Path(str(file)).read_bytes() for file in (__file__, *(module.__file__ for module in modules)))
    versions = (PIL.__version__.encode(), simplejpeg.__version__.encode())
    settings = config.model_dump_json(include={"max_pixels", "background"})
    parts = (*code, *versions, settings.encode())
    return blake2b(b"\0".join(parts), digest_size=8).hexdigest()


def _pixels_of(image: ImageFile.ImageFile, content: bytes, config: DecodeConfig) -> tuple[Pixels | Samples, str | None]:
    """The pixels or samples as they are stored, not rotated, and what is doubtful about the bytes of the file."""
    doubt = None
    if image.format in _JPEGS:
        stored, doubt = damage.decode_strictly(content, _JPEG_COLORS.get(image.mode, "RGB"))
        if stored is not None and image.mode in ("L", "RGB") and stored.shape[:2] == image.size[::-1]:
            return stored, doubt  # the same pixels as Pillow's, in a third of the time
        if doubt is not None:
            image = Image.open(io.BytesIO(jpeg.read_layout(content).plain), formats=FORMATS)
    depth = depth_of(image, content)
    if depth is not None and has_separate_planes(image):
        raise Undecodable(
            "unsupported_mode", f"colors of {depth.sample_type} are stored in separate planes; save it as contiguous pixels"
        )
    image.load()
    if depth is not None:
        return read_samples(image, depth, content), doubt
    return _to_uint8(image, config.background), doubt


def _open(content: bytes, config: DecodeConfig) -> ImageFile.ImageFile:
    """Reads the header; an image that is too large by its header is refused before any pixel is decoded."""
    if not content:
        raise Undecodable("empty", "the file has 0 bytes")
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise Undecodable("not_an_image", f"the content is none of {', '.join(FORMATS)}") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise Undecodable("too_many_pixels", str(error)) from error
    width, height = image.size
    if width * height > config.max_pixels:
        raise Undecodable("too_many_pixels", f"{width} x {height} pixels are more than max_pixels = {config.max_pixels:,}")
    return image


@contextmanager
def _quiet_if_tiff(content: bytes) -> Iterator[None]:
    """Turns Pillow's warnings of a truncated TIFF into errors, and ignores those about tags that decide no pixel."""
    if not content.startswith(tiff.HEADERS):
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.filterwarnings("error", "(?s).*(truncated|corrupt)", UserWarning)
        yield


def _known_range(image: Samples, config: Decoding) -> Range:
    """The range of a type in the data set, or the one that the section and the file state."""
    sample_type = image.depth.sample_type
    if sample_type in config.levels:
        return config.levels[sample_type]
    if "auto" in (config.black_level, config.white_level):
        raise Undecodable("unknown_range", f"the data set has no other image of {sample_type}, so that its range is not known")
    if (extent := measure_extent(image)) is None:
        raise Undecodable("constant", "no pixel is both visible and a number")
    own = own_range(extent, config)
    if words := lacking_width(sample_type, own, config):
        raise Undecodable("unknown_range", words)
    return own


def own_range(extent: Extent, config: DecodeConfig) -> Range:
    """The range that an image has without a data set.

    Args:
        extent: of the image, from `measure_extent`.
        config: the section.

    Raises:
        Undecodable: it has none.
    """
    found = range_of(extent, config)
    if found is None:
        raise Undecodable(
            "unsupported_mode",
            f"values of {extent.sample_type} have no stated range; set ingest.decode.black_level and white_level to auto or to "
            "values",
        )
    return found


def _turned_samples(image: Samples, orientation: int) -> Samples:
    alpha = None if image.alpha is None else turned(image.alpha, orientation)
    return Samples(image.depth, turned(image.values, orientation), alpha)


def _check_png(content: bytes) -> str | None:
    """Checks the end of a PNG and the checksums of its chunks; returns what is doubtful."""
    wrong, last = _check_checksums(content)
    if last is None or last.name != png.END:
        raise _cut("PNG")
    return f"the checksum of the PNG's chunk {wrong} is wrong" if wrong else None


def _check_checksums(content: bytes) -> tuple[png.Chunk | None, png.Chunk | None]:
    """Returns the first chunk whose checksum is wrong, though it decides no pixel, and the last chunk.

    Raises:
        Undecodable: the checksum of a chunk that decides pixels is wrong.
    """
    wrong = last = None
    for last in png.read_chunks(content):
        if not last.is_right:
            if last.decides_pixels:
                raise Undecodable("damaged", f"the checksum of the PNG's chunk {last} is wrong; its bytes changed")
            wrong = wrong or last
    return wrong, last


def _cut(image_format: str) -> Undecodable:
    return Undecodable("undecodable", f"the end of the {image_format} is missing; the file was cut")


def _refused(error: Exception) -> Undecodable:
    if isinstance(error, MemoryError):
        return Undecodable("too_much_memory", "decoding it needs more memory than a worker may take")
    if isinstance(error, damage.DamageError):
        return Undecodable(
            "damaged", f"the picture is not what was written: {on_one_line(str(error))}. Replace it with an intact copy"
        )
    return Undecodable("undecodable", in_short(error))


def _to_uint8(image: Image.Image, background: int) -> Pixels:
    """Converts by an explicit table of modes, so that no mode is clipped or misread silently."""
    mode, transparent = image.mode, "transparency" in image.info
    if mode in ("1", "L") and not transparent:
        return np.array(image if mode == "L" else image.convert("L"))[:, :, np.newaxis]
    if mode == "RGB" and not transparent:
        return np.array(image)
    if mode in ("1", "L", "LA"):
        return np.array(_composite(image, background).convert("L"))[:, :, np.newaxis]
    if mode in ("P", "PA", "RGBA", "RGB"):
        return np.array(_composite(image, background))
    if mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        return np.array(image.convert("RGB"))
    raise Undecodable("unsupported_mode", f"pixels of mode {mode!r} have no stated range; save it with 8 or 16 bits")


def _composite(image: Image.Image, background: int) -> Image.Image:
    """Blends an image with a palette or transparency with a gray background; returns RGB."""
    colored = image.convert("RGBA")
    ground = Image.new("RGBA", colored.size, (background, background, background, 255))
    return Image.alpha_composite(ground, colored).convert("RGB")
