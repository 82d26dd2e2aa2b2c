"""How well an autoencoder removes noise: the peak signal-to-noise ratio of images with noise, before and after."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dataprep.augment.apply import augment_images
from dataprep.augment.drawn_parameters import alone
from dataprep.config.augment import AugmentConfig, NoiseConfig
from dataprep.config.base import SplitName
from dataprep.core.artifacts import Count, Document, Place
from dataprep.core.rng import stable_hashes
from dataprep.decode.image import Pixels
from dataprep.feed.batches import ordered_batches
from models.config.evaluate import EvaluateConfig

Decibels = Annotated[float, Field(ge=0)]

_WHITE = 255


@dataclass(frozen=True, slots=True)
class Denoiser:
    """What removes noise.

    Attributes:
        denoise: (N, H, W, C) uint8 to clean images of the same shape, float32, 0 to 255.
        noise_std: of the noise that it was trained to remove, in gray levels.
    """

    denoise: Callable[[Pixels], NDArray[np.float32]]
    noise_std: float


class Denoised(Document):
    """Images of a split with noise, and their peak signal-to-noise ratio before and after: 10 log10(255^2 / squared error).

    The squared error is the mean over all values of all images.
    """

    images: Count
    noise_std: Annotated[float, Field(gt=0, le=_WHITE)]  # gray levels
    psnr_noisy: Decibels
    psnr_denoised: Decibels


def measure_denoising(
    denoiser: Denoiser, prepared: Place, split: SplitName, augment: AugmentConfig, config: EvaluateConfig
) -> Denoised | None:
    """Adds noise to the images of a split, as `augment.noise` does it, and removes it.

    Args:
        denoiser: what removes it.
        prepared: the folder of the shards.
        split: whose images; None comes back where it has none.
        augment: its seed; the noise of an image is a pure function of this and its id.
        config: how many images at a time.
    """
    std = denoiser.noise_std
    noise = alone(augment.model_copy(update={"noise": NoiseConfig(probability=1.0, std=(std, std))}), "noise", "random")
    count, before, after = 0, 0.0, 0.0
    for images, _, ids in ordered_batches(prepared, split, config.batch_size):
        noisy = augment_images(images, stable_hashes(ids), noise, epoch=0)
        count += len(images)
        before += _squared_error(noisy, images)
        after += _squared_error(denoiser.denoise(noisy), images)
    if not count:
        return None
    values = count * math.prod(images.shape[1:])
    return Denoised(images=count, noise_std=std, psnr_noisy=_psnr(before / values), psnr_denoised=_psnr(after / values))


def _squared_error(images: NDArray[np.uint8] | NDArray[np.float32], clean: Pixels) -> float:
    """The sum over all values."""
    return float(np.square(images.astype(np.float64) - clean).sum())


def _psnr(squared_error: float) -> float:
    return round(10 * math.log10(_WHITE**2 / squared_error), 3)
