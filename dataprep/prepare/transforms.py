"""What is done to the pixels of one image before it is stored: a literal list of steps, each arrays in, arrays out.

No step modifies its input; where a step has nothing to do, it may return its input itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from dataprep.config.prepare import PrepareConfig, ResizeConfig, ResizeMode, SaturateConfig
from dataprep.decode.image import Pixels, to_gray, to_rgb

_SAUVOLA_K, _SAUVOLA_RANGE = 0.2, 128.0  # as in the paper, for 8 bits

Transform: TypeAlias = Callable[[Pixels], Pixels]


@dataclass(frozen=True, slots=True)
class Step:
    """One named transform as a config asks for it; `setting` says its values in words."""

    name: str
    setting: str
    apply: Transform


def shape_of(config: PrepareConfig) -> tuple[int, int, int]:
    """The shape (H, W, C) of every prepared image."""
    height, width = config.image_size
    return height, width, 1 if config.color == "gray" else 3


def least_size(config: PrepareConfig) -> tuple[int, int] | None:
    """Height and width below which a decoder may not reduce an image; None: not at all.

    Twice what is needed, so that the last step always is a shrinking by area: the result then is nearer to that of the whole
    image (45 dB) than two good resamplers are to each other (37 dB).
    """
    if config.resize.mode == "crop" or config.resize.interpolation == "nearest":
        return None  # these take pixels as they are
    height, width = config.image_size
    return 2 * height, 2 * width


def prepare_image(image: Pixels, config: PrepareConfig) -> Pixels:
    """Converts one upright image (h, w, 1 or 3) uint8 to the shape and gray levels that are stored, (H, W, C) uint8."""
    for step in steps(config):
        image = step.apply(image)
    return image


def steps_of(image: Pixels, config: PrepareConfig) -> list[tuple[str, Pixels]]:
    """Every picture on the way of `prepare_image`, under the name of the step that made it; the last one is its result."""
    pictures = []
    for step in steps(config):
        image = step.apply(image)
        pictures.append((step.name, image))
    return pictures


@lru_cache(maxsize=16)
def steps(config: PrepareConfig) -> tuple[Step, ...]:
    """The steps that are on, in their order; decided once for each config, not for each image."""
    asked = ((name, plan(config)) for name, plan in _STEPS.items())
    return tuple(Step(name, *planned) for name, planned in asked if planned)


def resize(image: Pixels, image_size: tuple[int, int], config: ResizeConfig) -> Pixels:
    """Brings (h, w, C) to (H, W, C).

    `stretch` scales to the size, whatever the proportions. `pad` scales the whole image in proportion and lays margins around
    it. `fit` scales in proportion until the size is covered and cuts what hangs over. `crop` does not scale: it cuts out the
    centre, and a smaller image gets margins. (`pad` and `fit` are those of Pillow's ImageOps, `crop` is torchvision's
    CenterCrop.) Where a margin or a cut cannot be the same on both sides, the one below or to the right is a pixel wider.

    Args:
        image: (h, w, C) uint8.
        image_size: H, W in pixels.
        config: mode, interpolation, gray level of the margins.
    """
    if image.shape[:2] == image_size:
        return image
    if config.mode == "stretch":
        return _scale(image, image_size, config)
    if config.mode == "crop":
        return _centre(image, image_size, config.pad_value)
    height, width, _ = image.shape
    ratios = image_size[0] / height, image_size[1] / width
    if config.mode == "pad":
        inner = max(round(height * min(ratios)), 1), max(round(width * min(ratios)), 1)
        return _centre(_scale(image, inner, config), image_size, config.pad_value)
    # Cut before it is scaled: what is thrown away costs nothing, however long an image is.
    kept = [min(max(round(side / max(ratios)), 1), own) for side, own in zip(image_size, image.shape, strict=False)]
    return _scale(_centre(image, (kept[0], kept[1]), config.pad_value), image_size, config)


def kept_pixels(
    heights: NDArray[np.float64], widths: NDArray[np.float64], image_size: tuple[int, int], mode: ResizeMode
) -> NDArray[np.float64]:
    """How many of the H x W pixels that `resize` makes of each image show something of it: not those of margins.

    Args:
        heights: (N,) of the images.
        widths: (N,) of the images.
        image_size: H, W in pixels.
        mode: as in `resize`.
    """
    height, width = image_size
    kept = np.full(len(heights), float(height * width))
    if mode == "pad":
        kept = heights * widths * np.minimum(height / heights, width / widths) ** 2
    elif mode == "crop":
        kept = np.minimum(heights, height) * np.minimum(widths, width)
    return kept


def denoise(image: Pixels, denoise_px: int) -> Pixels:
    """Replaces each pixel of (H, W, C) by the median of the square around it; beyond the edge, the edge goes on.

    Args:
        image: (H, W, C) uint8; channels are filtered one by one.
        denoise_px: height and width of the square, odd.
    """
    return _as_uint8(cv2.medianBlur(image, denoise_px)).reshape(image.shape)


def equalise(image: Pixels) -> Pixels:
    """Contrast-limited adaptive histogram equalisation (CLAHE): each part of an image gets the whole range of gray levels.

    Of RGB images the value is equalised and the hue stays.

    Args:
        image: (H, W, 1 or 3) uint8.

    Source: K. Zuiderveld, Contrast limited adaptive histogram equalization, Graphics Gems IV, 1994; here scikit-image's.
    """
    from skimage.exposure import equalize_adapthist  # takes most of a second, and only this step needs it

    if image.min() == image.max():
        return image
    levels = equalize_adapthist(image[:, :, 0] if image.shape[2] == 1 else image)
    equalised: Pixels = np.rint(levels * 255).astype(np.uint8).reshape(image.shape)
    return equalised


def saturate(image: Pixels, config: SaturateConfig) -> Pixels:
    """Makes the paper of a gray image uniform; ink keeps its gray levels, or becomes uniform too.

    Dark ink: every value above the threshold is paper and becomes 255. Light ink: every value below it is paper and becomes 0.
    The threshold itself is ink. With output `binary`, dark ink becomes 0 and light ink 255.

        values 99, 100, 101 with threshold 100    keep_ink       binary
        dark ink                                  99, 100, 255   0, 0, 255
        light ink                                 0, 100, 101    0, 255, 255

    Sauvola's method finds one for each pixel, from mean and standard deviation of the window around it: for paper under a lamp.
    Otsu's method finds a threshold for each image. An image of one value has none: `keep_ink` leaves it as it is, and for
    `binary` it is all paper.

    Args:
        image: (H, W, 1) uint8.
        config: method, threshold (0-255), window, which values are ink, what becomes of ink.

    Source: N. Otsu, A threshold selection method from gray-level histograms, 1979; J. Sauvola, M. Pietikäinen, Adaptive
    document image binarization, 2000.
    """
    if config.method == "off":
        return image
    if config.method == "sauvola":
        mask: cv2.typing.MatLike = _light_by_window(image, config)
    elif config.method == "otsu":
        level, mask = cv2.threshold(image, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        if level == 0 and (image.min() > 0 or not mask.any()):  # OpenCV's answer for one value
            return image if config.output == "keep_ink" else np.full_like(image, 255 if config.ink == "dark" else 0)
    else:
        # cv2 asks for "above"; light ink begins at the threshold.
        above = config.threshold if config.ink == "dark" else config.threshold - 1
        mask = cv2.threshold(image, above, 255, cv2.THRESH_BINARY)[1]
    light = _as_uint8(mask).reshape(image.shape)
    if config.output == "binary":
        return light
    # Bitwise it is 7 times as fast as a masked assignment.
    return image | light if config.ink == "dark" else image & light


def _light_by_window(image: Pixels, config: SaturateConfig) -> Pixels:
    """255 where a pixel is light: paper around dark ink, or light ink. The method is for dark ink, so light ink is inverted."""
    from skimage.filters import threshold_sauvola  # takes most of a second, and only this method needs it

    dark_on_light = image if config.ink == "dark" else ~image
    thresholds = threshold_sauvola(dark_on_light[:, :, 0], window_size=config.window_px, k=_SAUVOLA_K, r=_SAUVOLA_RANGE)
    is_paper = dark_on_light[:, :, 0] > thresholds
    light: Pixels = np.where(is_paper == (config.ink == "dark"), 255, 0).astype(np.uint8)
    return light


def invert(image: Pixels) -> Pixels:
    """Turns dark to light: 255 - value."""
    return ~image


def _scale(image: Pixels, size: tuple[int, int], config: ResizeConfig) -> Pixels:
    """Resamples to (rows, columns); a side that shrinks to half or less does so by area first, which does not alias."""
    height, width, _ = image.shape
    if config.interpolation != "nearest":
        halved = size[0] if 2 * size[0] <= height else height, size[1] if 2 * size[1] <= width else width
        image = _resample(image, halved, cv2.INTER_AREA)
    return _resample(image, size, _INTERPOLATIONS[config.interpolation])


def _resample(image: Pixels, size: tuple[int, int], interpolation: int) -> Pixels:
    if image.shape[:2] == size:
        return image
    scaled = cv2.resize(image, (size[1], size[0]), interpolation=interpolation)  # cv2 wants (columns, rows)
    return _as_uint8(scaled).reshape(*size, -1)


def _centre(image: Pixels, size: tuple[int, int], pad_value: int) -> Pixels:
    """Cuts (rows, columns) out of the centre; where the image is smaller, margins of one gray level are laid around it."""
    height, width, num_channels = image.shape
    cut = tuple(slice(extra := max(own - side, 0) // 2, extra + side) for side, own in zip(size, (height, width), strict=True))
    kept = image[cut]
    if kept.shape[:2] == size:
        return kept
    framed = np.full((*size, num_channels), pad_value, dtype=np.uint8)
    top, left = (size[0] - kept.shape[0]) // 2, (size[1] - kept.shape[1]) // 2
    framed[top : top + kept.shape[0], left : left + kept.shape[1]] = kept
    return framed


def _as_uint8(image: cv2.typing.MatLike) -> Pixels:
    """For the type checker alone: cv2 gives uint8 for uint8."""
    return image.astype(np.uint8, copy=False)


Planned: TypeAlias = tuple[str, Transform] | None
"""The setting in words and the transform, None where the step is off."""


def _plan_gray(config: PrepareConfig) -> Planned:
    return ("0.299 R + 0.587 G + 0.114 B", to_gray) if config.color == "gray" else None


def _plan_rgb(config: PrepareConfig) -> Planned:
    return ("three channels", to_rgb) if config.color == "rgb" else None


def _plan_resize(config: PrepareConfig) -> Planned:
    height, width = config.image_size
    how = "" if config.resize.mode == "crop" else f", {config.resize.interpolation}"
    setting = f"{config.resize.mode} to {height} x {width}{how}"
    return setting, partial(resize, image_size=config.image_size, config=config.resize)


def _plan_denoise(config: PrepareConfig) -> Planned:
    if not config.denoise_px:
        return None
    return f"median of {config.denoise_px} x {config.denoise_px}", partial(denoise, denoise_px=config.denoise_px)


def _plan_equalise(config: PrepareConfig) -> Planned:
    return ("clahe", equalise) if config.equalise == "clahe" else None


def _plan_saturate(config: PrepareConfig) -> Planned:
    method, ink = config.saturate.method, config.saturate.ink
    if method == "off":
        return None
    at = {"threshold": f" {config.saturate.threshold}", "sauvola": f" in {config.saturate.window_px} px"}.get(method, "")
    binary = ", binary" if config.saturate.output == "binary" else ""
    return f"{method}{at}, ink {ink}{binary}", partial(saturate, config=config.saturate)


def _plan_invert(config: PrepareConfig) -> Planned:
    return ("255 - value", invert) if config.invert else None


_INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}

# In this order: what denoise means does not depend on the size of the source, and the threshold between paper and ink sees
# no grain.
_STEPS: dict[str, Callable[[PrepareConfig], Planned]] = {
    "gray": _plan_gray,
    "rgb": _plan_rgb,
    "resize": _plan_resize,
    "denoise": _plan_denoise,
    "equalise": _plan_equalise,
    "saturate": _plan_saturate,
    "invert": _plan_invert,
}
