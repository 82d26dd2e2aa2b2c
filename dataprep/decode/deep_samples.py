"""The values of files with more than 8 bits, as they are stored; `value_range` decides which become black and white.

Pillow reads gray values completely, but only the upper 8 bits of colors with 16. OpenCV reads those.
"""

from dataclasses import dataclass, replace
from numbers import Real
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, TiffImagePlugin

from dataprep.decode import png_chunks as png

Range: TypeAlias = tuple[float, float]
Values: TypeAlias = NDArray[np.integer | np.floating]

WIDENED = "uint16 of 8 bits"
"""The type of 16-bit images whose values are all multiples of 257: so programs convert 8 bits to 16."""

_TIMES = 257
_COLORS = ("RGB", "RGBA", "LA")
_SIXTEEN = 16
_SIGNED = 2  # of TIFF's SampleFormat
_NO_DATA = 42113  # GDAL_NODATA, a number as text: the value of pixels that were not measured
_LOWEST, _HIGHEST = (340, 280), (341, 281)  # tags SMinSampleValue, MinSampleValue; SMaxSampleValue, MaxSampleValue
_PREMULTIPLIED = 1  # of TIFF's ExtraSamples
_PLANES, _SEPARATE = 284, 2  # TIFF's PlanarConfiguration
_OF_PILLOW = 65535  # to which Pillow scales a gray PNM


@dataclass(frozen=True, slots=True)
class Depth:
    """What the header of a file with more than 8 bits says about its values.

    Attributes:
        sample_type: numpy's name with the number of bits, for example `uint12`; `uint16 of 4095` where the sBIT of a PNG or the
            maximum of a PNM says up to which value they go.
        stated: lowest and highest value as the file states them; None where it states only its type.
        white_is_zero: the highest value is black.
        premultiplied: colors are multiplied by alpha.
        pnm_maximum: of a gray PNM.
        no_data: value of the pixels of a gray TIFF that were not measured, as GDAL writes it; they count as transparent.
    """

    sample_type: str
    stated: Range | None = None
    white_is_zero: bool = False
    premultiplied: bool = False
    pnm_maximum: int | None = None
    no_data: float | None = None


@dataclass(frozen=True, slots=True)
class Samples:
    """Values of more than 8 bits.

    Attributes:
        depth: what the header says of them.
        values: (H, W, C) whole numbers or floats, C = 1 or 3.
        alpha: (H, W, 1) from 0 (transparent) to 1; None where all is opaque.
    """

    depth: Depth
    values: Values
    alpha: NDArray[np.float32] | None

    def visible(self) -> Values:
        """The values that are not transparent and are numbers, (N,)."""
        values = self.values if self.alpha is None else self.values[self.alpha[:, :, 0] > 0]
        return values[np.isfinite(values)] if values.dtype.kind == "f" else values.reshape(-1)


def type_range(sample_type: str) -> Range | None:
    """The lowest and the highest value of a type; None for floats.

    >>> type_range("uint12"), type_range("int16"), type_range("uint16 of 4095"), type_range("float32")
    ((0, 4095), (-32768, 32767), (0, 65535), None)
    """
    name = sample_type.split(" ")[0]
    if name.startswith("float"):
        return None
    bits = int(name.removeprefix("u").removeprefix("int"))
    return (0, 2**bits - 1) if name.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def depth_of(image: ImageFile.ImageFile, content: bytes) -> Depth | None:
    """Reads what a header says, before the pixels are loaded; None for a file of 8 bits or fewer.

    Args:
        image: as opened, not yet loaded.
        content: the bytes of the file.
    """
    if image.format == "PNG":
        return _depth_of_png(content)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _depth_of_tiff(image)
    return _depth_of_pnm(image) if image.format == "PPM" else None


def has_separate_planes(image: ImageFile.ImageFile) -> bool:
    """Whether a TIFF stores its colors in separate planes. For more than 8 bits, OpenCV then leaves memory uninitialised.

    Args:
        image: as opened, not yet loaded.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    return image.mode in _COLORS and image.tag_v2.get(_PLANES) == _SEPARATE


def read_samples(image: Image.Image, depth: Depth, content: bytes) -> Samples:
    """Takes the values of a loaded image, and recognises 8 bits that were widened to 16.

    Args:
        image: as Pillow holds it; of an image in colors only the mode is used.
        depth: from `depth_of`.
        content: the bytes of the file.

    Returns:
        The samples as they are stored; those of a TIFF are upright.

    Raises:
        ValueError: OpenCV does not read an image in colors.
    """
    samples = _read_stored(image, depth, content)
    if depth.sample_type == "uint16" and depth.stated is None and not np.any(samples.values % _TIMES):
        return replace(samples, depth=replace(depth, sample_type=WIDENED))
    return samples


def _read_stored(image: Image.Image, depth: Depth, content: bytes) -> Samples:
    if image.mode in _COLORS:
        return _read_colors(image.mode, depth, content)
    values = np.asarray(image)
    if depth.sample_type in ("uint32", "int8"):  # Pillow holds the same bits as int32 and uint8
        values = values.view(depth.sample_type)
    if depth.pnm_maximum is not None:  # undoes Pillow's scaling, exactly
        values = (values.astype(np.int64) * depth.pnm_maximum + _OF_PILLOW // 2) // _OF_PILLOW
    transparent = image.info.get("transparency")
    hidden = depth.no_data if depth.no_data is not None else transparent if isinstance(transparent, int) else None
    natural = _natural(values, depth)
    return Samples(depth, natural[:, :, np.newaxis], None if hidden is None else _opaque(natural, hidden))


def _opaque(values: Values, hidden: float) -> NDArray[np.float32] | None:
    """Alpha of (H, W) gray values of which one stands for pixels that are not there; None where it does not occur."""
    is_hidden = np.isnan(values) if np.isnan(hidden) else values == _as_stored(hidden, values.dtype)
    return (~is_hidden).astype(np.float32)[:, :, np.newaxis] if is_hidden.any() else None


def _as_stored(number: float, dtype: np.dtype[np.generic]) -> float:
    """A number that a file states as text, rounded as its pixels are: -3.4e38 is no float32."""
    with np.errstate(over="ignore"):
        return float(np.float32(number)) if dtype.kind == "f" else number


def _depth_of_png(content: bytes) -> Depth | None:
    if png.bit_depth(content) != _SIXTEEN:
        return None
    bits = png.significant_bits(content)
    return Depth("uint16") if bits is None else _up_to(2**bits - 1)


def _depth_of_tiff(image: TiffImagePlugin.TiffImageFile) -> Depth | None:
    tags = image.tag_v2
    bits = max(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
    signed = _SIGNED in tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))
    if image.mode == "F":
        sample_type = "float32"
    elif image.mode in ("I", *_COLORS) or image.mode.startswith("I;16") or (image.mode == "L" and signed):
        sample_type = f"{'' if signed else 'u'}int{bits}"
    else:
        return None
    if sample_type == "uint8":
        return None
    return Depth(
        sample_type,
        stated=_stated_by_tiff(tags, sample_type),
        white_is_zero=tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0,
        premultiplied=_PREMULTIPLIED in tags.get(TiffImagePlugin.EXTRASAMPLES, ()),
        no_data=_no_data(tags.get(_NO_DATA)),
    )


def _no_data(stated: object) -> float | None:
    try:
        return float(stated.strip(" \0")) if isinstance(stated, str) else None
    except ValueError:  # metadata that cannot be read are none
        return None


def _stated_by_tiff(tags: TiffImagePlugin.ImageFileDirectory_v2, sample_type: str) -> Range | None:
    """The lowest and highest value that a TIFF states; for integers one of them is enough."""
    whole = type_range(sample_type)
    lowest, highest = (
        next((numbers for tag in names if (numbers := _numbers(tags.get(tag)))), None) for names in (_LOWEST, _HIGHEST)
    )
    if lowest is None and highest is None:
        return None
    if whole is None and (lowest is None or highest is None):
        return None
    low = min(lowest) if lowest else (whole or (0, 0))[0]
    high = max(highest) if highest else (whole or (0, 0))[1]
    return (low, high) if np.isfinite([low, high]).all() and low < high and (low, high) != whole else None


def _numbers(value: object) -> list[float]:
    """The numbers among the values of a tag; text and undefined bytes are none."""
    values = value if isinstance(value, tuple) else (value,)
    return [float(each) for each in values if isinstance(each, Real)]


def _depth_of_pnm(image: ImageFile.ImageFile) -> Depth | None:
    if image.mode == "F":
        return Depth("float32")
    arguments = image.tile[0].args
    maximum = arguments[1] if isinstance(arguments, tuple) else None
    if image.mode == "I":
        return Depth("uint16") if maximum is None else _up_to(maximum, is_gray_pnm=True)
    return _up_to(maximum) if image.mode == "RGB" and isinstance(maximum, int) and maximum > 255 else None


def _up_to(highest: int, *, is_gray_pnm: bool = False) -> Depth:
    """16 bits of which values up to `highest` are used."""
    pnm_maximum = highest if is_gray_pnm else None
    if highest == 2**_SIXTEEN - 1:
        return Depth("uint16", pnm_maximum=pnm_maximum)
    return Depth(f"uint16 of {highest}", stated=(0, highest), pnm_maximum=pnm_maximum)


def _read_colors(mode: str, depth: Depth, content: bytes) -> Samples:
    stored = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.ndim != 3 or stored.dtype.itemsize == 1:
        raise ValueError(f"OpenCV does not read these colors of {depth.sample_type}")
    values: Values = stored[:, :, 2::-1]
    if stored.shape[2] == 3 or (mode == "RGB" and not content.startswith(png.SIGNATURE)):  # the fourth channel has no meaning
        return Samples(depth, _natural(values, depth), None)
    opaque = 2 ** (8 * stored.dtype.itemsize) - 1
    covered = stored[:, :, 3:].astype(np.int64)
    if depth.premultiplied:
        values = np.minimum(values.astype(np.int64) * opaque // np.maximum(covered, 1), opaque)
    upper_bits = covered * 256 // (opaque + 1)  # 8 bits are enough for blending with one gray level
    return Samples(depth, _natural(values, depth), (upper_bits / 255).astype(np.float32))


def _natural(values: Values, depth: Depth) -> Values:
    """Converts to the byte order of this machine and to 2 or 4 bytes."""
    whole = type_range(depth.sample_type)
    if whole is None:
        name = "float32"
    else:
        name = f"{'int' if whole[0] < 0 else 'uint'}{16 if whole[1] - whole[0] <= _OF_PILLOW else 32}"
    natural: Values = np.ascontiguousarray(values, dtype=name)
    return natural
