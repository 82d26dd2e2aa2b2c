"""Superposition of images and of their labels: mixup, cutmix, and mixtures of several classes.

Sampled first, for a whole window of images, then applied to parts of it; an image gets one of them at most.

Sources: H. Zhang, M. Cisse, Y. Dauphin, D. Lopez-Paz: mixup, Beyond Empirical Risk Minimization, 2018. S. Yun et al.: CutMix,
Regularization Strategy to Train Strong Classifiers with Localizable Features, 2019.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dataprep.config import AugmentConfig, SuperposeConfig
from dataprep.image import Pixels

NOT_MIXED, MIXUP, CUTMIX, SUPERPOSE = range(4)

Targets = NDArray[np.float32]

_TRIES = 100  # to find partners of other classes, before an image is left alone


@dataclass(frozen=True, slots=True)
class Mixing:
    """What was drawn for N images.

    Attributes:
        kind: (N,) int8, one of the four above.
        partners: (N, P) int64, the rows of the other images; all P for superpose, the first for mixup and cutmix.
        weights: (N,) float64, of the first image.
        places: (N, 2) float64, where the rectangle's centre is, as fractions of height and width.
    """

    kind: NDArray[np.int8]
    partners: NDArray[np.int64]
    weights: NDArray[np.float64]
    places: NDArray[np.float64]

    def __getitem__(self, rows: NDArray[np.int64] | slice) -> "Mixing":
        return Mixing(self.kind[rows], self.partners[rows], self.weights[rows], self.places[rows])


def is_mixing(config: AugmentConfig) -> bool:
    """Whether images may be mixed at all."""
    return max(config.mixup.probability, config.cutmix.probability, config.superpose.probability) > 0


def sample_mixing(labels: NDArray[np.int64], config: AugmentConfig, rng: np.random.Generator) -> Mixing:
    """Draws, for each of N images with these labels, what it is mixed with and how; partners are among the N.

    A mixture that finds no partners of other classes, since there are too few here, is left alone.
    """
    count = len(labels)
    shares = np.cumsum([config.mixup.probability, config.cutmix.probability, config.superpose.probability])
    kinds = np.array([MIXUP, CUTMIX, SUPERPOSE, NOT_MIXED], dtype=np.int8)
    kind = kinds[np.searchsorted(shares, rng.random(count), side="right")]
    weights = np.ones(count)
    for mixed, section in ((MIXUP, config.mixup), (CUTMIX, config.cutmix)):
        rows = np.flatnonzero(kind == mixed)
        weights[rows] = rng.beta(section.alpha, section.alpha, len(rows))
    partners = np.empty((count, config.superpose.num_images - 1), dtype=np.int64)
    partners[:] = rng.permutation(count)[:, np.newaxis]
    waiting = np.flatnonzero(kind == SUPERPOSE)
    for _ in range(_TRIES):
        if not len(waiting):
            break
        partners[waiting] = rng.integers(count, size=(len(waiting), partners.shape[1]))
        classes = np.sort(np.column_stack([labels[waiting], labels[partners[waiting]]]), axis=1)
        waiting = waiting[(classes[:, 1:] == classes[:, :-1]).any(axis=1)]
    kind[waiting] = NOT_MIXED
    return Mixing(kind, partners, weights, rng.random((count, 2)))


def mix_images(images: Pixels, mixing: Mixing, config: SuperposeConfig) -> Pixels:
    """Mixes the first N of (M, H, W, C) uint8 images with the rows that are their partners; returns new ones, (N, H, W, C)."""
    mixed = images[: len(mixing.kind)].copy()
    for row in np.flatnonzero(mixing.kind == MIXUP).tolist():
        weight, other = mixing.weights[row], images[mixing.partners[row, 0]]
        mixed[row] = cv2.addWeighted(mixed[row], weight, other, 1 - weight, 0).reshape(other.shape)
    for row in np.flatnonzero(mixing.kind == CUTMIX).tolist():
        top, left, bottom, right = rectangle(mixing.weights[row], mixing.places[row], images.shape[1:3])
        mixed[row, top:bottom, left:right] = images[mixing.partners[row, 0], top:bottom, left:right]
    rows = np.flatnonzero(mixing.kind == SUPERPOSE)
    if len(rows):
        total = mixed[rows].astype(np.uint16)
        for others in mixing.partners[rows].T:
            total += images[others]
        mixed[rows] = _COMBINE[config.combine](total, config.num_images)
    return mixed


def mix_targets(targets: Targets, mixing: Mixing, shape: tuple[int, int]) -> Targets:
    """The same for (M, num_classes) targets of images of this shape (H, W).

    Those of mixup and cutmix stay a distribution over the classes; that of a superposition has a 1 for each of its classes.
    """
    mixed = targets[: len(mixing.kind)].copy()
    weights = mixing.weights.copy()
    for row in np.flatnonzero(mixing.kind == CUTMIX).tolist():
        top, left, bottom, right = rectangle(weights[row], mixing.places[row], shape)
        weights[row] = 1 - (bottom - top) * (right - left) / (shape[0] * shape[1])  # it may have been cut at the border
    rows = np.flatnonzero((mixing.kind == MIXUP) | (mixing.kind == CUTMIX))
    weight = weights[rows, np.newaxis].astype(np.float32)
    mixed[rows] = weight * mixed[rows] + (1 - weight) * targets[mixing.partners[rows, 0]]
    rows = np.flatnonzero(mixing.kind == SUPERPOSE)
    for others in mixing.partners[rows].T:
        mixed[rows] = np.maximum(mixed[rows], targets[others])
    return mixed


def rectangle(weight: float, place: NDArray[np.float64], shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """top, left, bottom, right of the rectangle that comes from the other image: 1 - weight of the area, before it is cut."""
    side = float(np.sqrt(1 - weight))
    (top, bottom), (left, right) = (
        (max(round(centre * length - side * length / 2), 0), min(round(centre * length + side * length / 2), length))
        for centre, length in zip(place.tolist(), shape, strict=True)
    )
    return top, left, bottom, right


def _mean(total: NDArray[np.uint16], num_images: int) -> Pixels:
    return ((total + num_images // 2) // num_images).astype(np.uint8)


def _cut(total: NDArray[np.uint16], _num_images: int) -> Pixels:
    return np.minimum(total, 255).astype(np.uint8)


_COMBINE = {"mean": _mean, "sum": _cut}
