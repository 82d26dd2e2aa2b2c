"""Linear superposition of pairs of images and of their labels.

Source: H. Zhang, M. Cisse, Y. Dauphin, D. Lopez-Paz: mixup, Beyond Empirical Risk Minimization, 2018.
"""

import numpy as np
from numpy.typing import NDArray

from dataprep.config import MixupConfig
from dataprep.image import Pixels


def sample_mixup(num_images: int, config: MixupConfig, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draws the weight of each first image: Beta(alpha, alpha) with the given probability, else 1. Returns (N,) float32."""
    mixed = rng.random(num_images) < config.probability
    return np.where(mixed, rng.beta(config.alpha, config.alpha, num_images), 1.0).astype(np.float32)


def superpose_images(first: Pixels, second: Pixels, weights: NDArray[np.float32]) -> Pixels:
    """Weight * first + (1 - weight) * second, rounded; (N, H, W, C) uint8. A weight of 1 gives the first image exactly."""
    weight = weights[:, np.newaxis, np.newaxis, np.newaxis]
    return np.rint(weight * first + (1 - weight) * second).astype(np.uint8)


def superpose_targets(
    first: NDArray[np.float32], second: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The same superposition of (N, num_classes) targets, which stay a distribution over the classes."""
    weight = weights[:, np.newaxis]
    return weight * first + (1 - weight) * second
