"""Superposition of images and of their labels: mixup, cutmix, and mixtures of several classes.

Sampled first, for a whole buffer of images, then applied to parts of it; an image gets one of them at most.

Sources: H. Zhang, M. Cisse, Y. Dauphin, D. Lopez-Paz: mixup, Beyond Empirical Risk Minimization, 2018. S. Yun et al.: CutMix,
Regularization Strategy to Train Strong Classifiers with Localizable Features, 2019.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dataprep.config.augment import MIXINGS, AugmentConfig, SuperposeConfig
from dataprep.decode.image import Pixels

NOT_MIXED, MIXUP, CUTMIX, SUPERPOSE = range(4)

Targets = NDArray[np.float32]

_ROWS_AT_ONCE = 1024  # for which a number for each class is drawn


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
    return any(getattr(config, name).probability > 0 for name in MIXINGS)


def mixed_alone(config: AugmentConfig, name: str) -> AugmentConfig:
    """The settings under which each image is mixed, and in this way only."""
    return _with_shares(config, {other: float(other == name) for other in MIXINGS})


def unmixed(config: AugmentConfig) -> AugmentConfig:
    """The settings under which no image is mixed."""
    return _with_shares(config, dict.fromkeys(MIXINGS, 0.0))


def _with_shares(config: AugmentConfig, shares: dict[str, float]) -> AugmentConfig:
    return config.model_copy(
        update={other: getattr(config, other).model_copy(update={"probability": share}) for other, share in shares.items()}
    )


def sample_mixing(labels: NDArray[np.int64], config: AugmentConfig, rng: np.random.Generator) -> Mixing:
    """Draws, for each of N images with these labels, what it is mixed with and how; partners are among the N.

    Where these are of fewer classes than a superposition wants, none is made.
    """
    count, num_images = len(labels), config.superpose.num_images
    shares = np.cumsum([getattr(config, name).probability for name in MIXINGS])
    kinds = np.array([MIXUP, CUTMIX, SUPERPOSE, NOT_MIXED], dtype=np.int8)
    kind = kinds[np.searchsorted(shares, rng.random(count), side="right")]
    weights = np.ones(count)
    for mixed, section in ((MIXUP, config.mixup), (CUTMIX, config.cutmix)):
        rows = np.flatnonzero(kind == mixed)
        weights[rows] = rng.beta(section.alpha, section.alpha, len(rows))
    partners = np.empty((count, num_images - 1), dtype=np.int64)
    partners[:] = rng.permutation(count)[:, np.newaxis]
    superposed = np.flatnonzero(kind == SUPERPOSE)
    if len(np.unique(labels)) < num_images:
        kind[superposed] = NOT_MIXED
    else:
        partners[superposed] = _of_other_classes(superposed, labels, num_images - 1, rng)
    return Mixing(kind, partners, weights, rng.random((count, 2)))


def _of_other_classes(
    rows: NDArray[np.int64], labels: NDArray[np.int64], num_partners: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draws partners (len(rows), num_partners) of classes that differ from the row's own and from each other.

    As if images were drawn one by one and those of a class that is there already put back: the classes are those that come
    first in a race with exponential times, each as fast as it is large.
    """
    classes, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    places = np.cumsum(counts) - counts
    by_class = np.argsort(inverse, kind="stable")
    partners = np.empty((len(rows), num_partners), dtype=np.int64)
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[first : first + _ROWS_AT_ONCE]
        times = rng.exponential(size=(len(some), len(classes))) / counts
        times[np.arange(len(some)), inverse[some]] = np.inf
        drawn = np.argsort(times, axis=1)[:, :num_partners]
        within = (rng.random(drawn.shape) * counts[drawn]).astype(np.int64)
        partners[first : first + len(some)] = by_class[places[drawn] + within]
    return partners


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
    rows, share = _pairs(mixing, shape)
    mixed[rows] = share[:, np.newaxis] * mixed[rows] + (1 - share[:, np.newaxis]) * targets[mixing.partners[rows, 0]]
    rows = np.flatnonzero(mixing.kind == SUPERPOSE)
    for others in mixing.partners[rows].T:
        mixed[rows] = np.maximum(mixed[rows], targets[others])
    return mixed


def mix_weights(weights: NDArray[np.float32], mixing: Mixing, shape: tuple[int, int]) -> NDArray[np.float32]:
    """The same for the (M,) weights of images: the mean over the parts of a mixture, each by its share of it."""
    mixed = weights[: len(mixing.kind)].copy()
    rows, share = _pairs(mixing, shape)
    mixed[rows] = share * mixed[rows] + (1 - share) * weights[mixing.partners[rows, 0]]
    rows = np.flatnonzero(mixing.kind == SUPERPOSE)
    mixed[rows] = np.column_stack([mixed[rows], weights[mixing.partners[rows]]]).mean(axis=1)
    return mixed


def _pairs(mixing: Mixing, shape: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The rows that mixup or cutmix mixes, and the share of the first image in each."""
    shares = mixing.weights.copy()
    for row in np.flatnonzero(mixing.kind == CUTMIX).tolist():
        top, left, bottom, right = rectangle(shares[row], mixing.places[row], shape)
        shares[row] = 1 - (bottom - top) * (right - left) / (shape[0] * shape[1])  # it may have been cut at the border
    rows = np.flatnonzero((mixing.kind == MIXUP) | (mixing.kind == CUTMIX))
    return rows, shares[rows].astype(np.float32)


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
