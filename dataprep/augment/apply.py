"""Variations of train images: the operations, applied with the parameters that were drawn for them.

What happens to an image is a pure function of (seed, id, epoch, copy). Geometric operations are one warp, noise is added to
the batch; albumentations, which only this module knows, draws nothing here: it applies the numbers that it is given.
"""

import importlib
import os
from collections.abc import Callable
from functools import cache
from types import ModuleType

import cv2
import numpy as np
from numpy.typing import NDArray

from dataprep.augment.drawn_parameters import Drawn, Variation, sample_variation
from dataprep.augment.geometry import GEOMETRIC, matrices, warp
from dataprep.augment.noise import add_noise, add_salt_and_pepper
from dataprep.config.augment import AugmentConfig
from dataprep.core.rng import rng_for
from dataprep.decode.image import Pixels

_MIDDLE_GRAY = 127.5
_ASPECTS = (0.3, 3.3)  # width / height of what is erased (Zhong et al.: Random Erasing Data Augmentation, 2017)
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_ORDERS = ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))  # of three channels, but for the one that they have


def augment_images(
    images: Pixels, keys: NDArray[np.uint64], config: AugmentConfig, *, epoch: int, copy: NDArray[np.integer] | int = 0
) -> Pixels:
    """Samples and applies in one step; see `sample_variation` and `apply_variation`."""
    return apply_variation(images, sample_variation(keys, config, epoch=epoch, copy=copy), config)


def apply_variation(images: Pixels, variation: Variation, config: AugmentConfig) -> Pixels:
    """Applies what was drawn; returns new images (N, H, W, C) uint8, the input is not modified."""
    varied = images.copy() if "pen_width" in variation else images
    if "pen_width" in variation:
        change_pen_width(varied, variation["pen_width"], config)
    geometry = matrices(variation, images.shape[1:])
    if geometry is not None:
        varied = warp(varied, *geometry, fill=config.fill)
    elif varied is images:
        varied = images.copy()
    for name, drawn in variation.items():
        if name not in ("pen_width", *GEOMETRIC):
            _APPLY[name](varied, drawn, config)
    return varied


def change_pen_width(images: Pixels, drawn: Drawn, config: AugmentConfig) -> None:
    """Makes strokes thicker or thinner by growing or shrinking bright regions; parts of a pixel by blending. In place."""
    for row, values in drawn.rows():
        width = values["px"]
        grow = cv2.dilate if (width > 0) == (config.pen_width.ink == "light") else cv2.erode
        whole, part = divmod(abs(width), 1.0)
        image = grow(images[row], _CROSS, iterations=int(whole)) if whole else images[row]
        if part:
            image = cv2.addWeighted(image, 1 - part, grow(image, _CROSS), part, 0)
        images[row] = image.reshape(images[row].shape)


def _distort_elastically(images: Pixels, drawn: Drawn, config: AugmentConfig) -> None:
    functional = _functional("geometric")
    for row, values in drawn.rows():
        moves_x, moves_y = functional.generate_displacement_fields(
            images.shape[1:3],
            alpha=values["strength"],
            sigma=config.elastic.smoothness_px,
            same_dxdy=False,
            kernel_size=(0, 0),
            random_generator=_rng(config, "elastic", values["field"]),
            noise_distribution="gaussian",
        )
        rows, columns = np.indices(images.shape[1:3], dtype=np.float32)
        _remap(images[row], columns + moves_x, rows + moves_y, config.fill)


def _distort_grid(images: Pixels, drawn: Drawn, config: AugmentConfig) -> None:
    """Moves the lines of a grid; albumentations' own maps are not those of the identity where no line moves."""
    num_cells = config.grid_distortion.num_cells
    for row, values in drawn.rows():
        rng = _rng(config, "grid_distortion", values["field"])
        steps = 1 + values["strength"] * rng.uniform(-1, 1, (2, num_cells))
        lines = np.cumsum(steps, axis=1) / steps.sum(axis=1, keepdims=True)
        ys, xs = (
            np.interp(np.arange(length), np.linspace(0, length - 1, num_cells + 1), [0, *(line * (length - 1))])
            for length, line in zip(images.shape[1:3], lines, strict=True)
        )
        map_x, map_y = np.meshgrid(xs.astype(np.float32), ys.astype(np.float32))
        _remap(images[row], map_x, map_y, config.fill)


def _remap(image: Pixels, map_x: NDArray[np.float32], map_y: NDArray[np.float32], fill: int) -> None:
    mapped = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(fill,) * 4)
    image[:] = mapped.reshape(image.shape)


def _blur(images: Pixels, drawn: Drawn, _config: AugmentConfig) -> None:
    functional, blurring = _functional("blur"), _transforms().GaussianBlur()
    for row, values in drawn.rows():
        if values["sigma_px"] > 0:
            kernel = functional.create_gaussian_kernel_1d(values["sigma_px"])
            images[row] = blurring.apply(images[row], kernel=kernel).reshape(images[row].shape)


def _blur_along_a_line(images: Pixels, drawn: Drawn, _config: AugmentConfig) -> None:
    """Kernels have odd lengths; those between by blending."""
    blurring = _transforms().MotionBlur()
    for row, values in drawn.rows():
        half, part = divmod((values["length_px"] - 1) / 2, 1.0)
        lines = [_line(2 * int(steps) + 1, 180 * values["direction"]) for steps in (half, half + 1)]
        shorter, longer = (blurring.apply(images[row], kernel=line) for line in lines)
        images[row] = cv2.addWeighted(shorter, 1 - part, longer, part, 0).reshape(images[row].shape)


def _line(length: int, degrees: float) -> NDArray[np.float32]:
    draw = _functional("blur").create_motion_kernel
    kernel: NDArray[np.float32] = draw(length, degrees, 0.0, allow_shifted=False, random_state=None)
    normal: NDArray[np.float32] = kernel / kernel.sum()
    return normal


def _brighten(images: Pixels, drawn: Drawn, _config: AugmentConfig) -> None:
    change = _transforms().RandomBrightnessContrast()
    for row, values in drawn.rows():
        images[row] = change.apply(images[row], alpha=1.0, beta=255 * values["fraction"])


def _change_contrast(images: Pixels, drawn: Drawn, _config: AugmentConfig) -> None:
    change = _transforms().RandomBrightnessContrast()
    for row, values in drawn.rows():
        images[row] = change.apply(images[row], alpha=values["factor"], beta=_MIDDLE_GRAY * (1 - values["factor"]))


def _invert(images: Pixels, drawn: Drawn, _config: AugmentConfig) -> None:
    images[drawn.happens] = 255 - images[drawn.happens]


def _shuffle_channels(images: Pixels, drawn: Drawn, _config: AugmentConfig) -> None:
    for row, values in drawn.rows():
        images[row] = images[row][:, :, _ORDERS[int(values["order"] * len(_ORDERS))]]


def _erase(images: Pixels, drawn: Drawn, config: AugmentConfig) -> None:
    functional = _functional("dropout")
    _, height, width, _ = images.shape
    for row, values in drawn.rows():
        aspect = _ASPECTS[0] * (_ASPECTS[1] / _ASPECTS[0]) ** values["aspect"]
        area = values["fraction"] * height * width
        tall = min(max(np.sqrt(area / aspect), area / width), height)
        wide = area / tall if tall else 0.0
        top, left = values["y"] * (height - tall), values["x"] * (width - wide)
        hole = np.rint([[left, top, left + wide, top + tall]]).astype(np.int64)
        images[row] = functional.cutout(images[row], hole, config.fill, None)


def _add_noise(images: Pixels, drawn: Drawn, _config: AugmentConfig) -> None:
    add_noise(images, drawn)


def _add_salt_and_pepper(images: Pixels, drawn: Drawn, _config: AugmentConfig) -> None:
    add_salt_and_pepper(images, drawn)


def _rng(config: AugmentConfig, name: str, chance: float) -> np.random.Generator:
    """A generator for what takes many numbers, from the one that was drawn: a uniform has 53 bits."""
    return rng_for(config.seed, name, int(chance * 2**53))


@cache
def _transforms() -> ModuleType:
    """albumentations, which takes a second to import and which few settings need."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # or it asks the network for a newer version
    return importlib.import_module("albumentations")


@cache
def _functional(kind: str) -> ModuleType:
    """The functions behind its transforms of one kind, which take numbers instead of drawing them."""
    return importlib.import_module(f"{_transforms().__name__}.augmentations.{kind}.functional")


_APPLY: dict[str, Callable[[Pixels, Drawn, AugmentConfig], None]] = {
    "elastic": _distort_elastically,
    "grid_distortion": _distort_grid,
    "gaussian_blur": _blur,
    "motion_blur": _blur_along_a_line,
    "brightness": _brighten,
    "contrast": _change_contrast,
    "inversion": _invert,
    "channel_shuffle": _shuffle_channels,
    "erasing": _erase,
    "noise": _add_noise,
    "salt_and_pepper": _add_salt_and_pepper,
}
