"""How far an image lies from the training images of its class: a Gaussian of the network's features for each class.

The distance is Mahalanobis' (K. Lee, K. Lee, H. Lee, J. Shin, A Simple Unified Framework for Detecting Out-of-Distribution
Samples, 2018), with a covariance for each class that leans on the common one where a class has few images (J. Friedman,
Regularized Discriminant Analysis, 1989). On MNIST one covariance for all classes misses several times as many turned digits.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dataprep.core.rng import rng_for
from models.evaluate.feature_table import Floats, Projection, leading_axes

COMPONENTS = 256
"""Principal components that are kept, at most."""

_MOST_VALUES = 2**21  # of all covariances together: with many classes, fewer components are kept
_WIDEST = 2048  # a wider vector is first reduced by a random projection, or the components take minutes
_LEAN = 100.0  # images of a class that count as much as the common covariance
_LEAST = 1e-3  # of the mean variance, added to each: directions without variance would decide alone


@dataclass(frozen=True, slots=True)
class ClassGaussians:
    """A Gaussian for each class.

    Attributes:
        projection: from the D deep features to k components.
        means: (num_classes, k).
        whitening: (num_classes, k, k): what multiplies a difference from the mean so that its squared length is the distance.
    """

    projection: Projection
    means: Floats
    whitening: Floats

    def distances(self, features: Floats, classes: NDArray[np.int64]) -> NDArray[np.float64]:
        """How far each image lies from the training images of a class; about 1 for these themselves, never below 0.

        Args:
            features: (N, D) deep features.
            classes: (N,) numbers of classes.
        """
        reduced = (features - self.projection.mean) @ self.projection.axes
        found = np.zeros(len(features))
        for number in np.unique(classes):
            own = classes == number
            white = (reduced[own] - self.means[number]) @ self.whitening[number]
            found[own] = np.sqrt(np.square(white, dtype=np.float64).mean(axis=1))
        return found


def fit_gaussians(features: Floats, labels: NDArray[np.int64], num_classes: int) -> ClassGaussians:
    """Fits a Gaussian to the train images of each class.

    Args:
        features: (N, D) deep features of train images, N at least 1 and D at least 1.
        labels: (N,) numbers of their classes.
        num_classes: of the network.
    """
    with threadpool_limits(limits=1):  # sums are rounded by the number of threads
        projection = _components(features, min(COMPONENTS, math.isqrt(_MOST_VALUES // num_classes)))
        reduced = ((features - projection.mean) @ projection.axes).astype(np.float64)
        means = np.repeat(reduced.mean(axis=0)[np.newaxis], num_classes, axis=0)
        for number in np.unique(labels):
            means[number] = reduced[labels == number].mean(axis=0)
        within = reduced - means[labels]
        common = within.T @ within / len(within)
        common += max(_LEAST * float(np.trace(common)) / len(common), 1e-12) * np.eye(len(common))
        whitening = np.empty((num_classes, *common.shape), np.float32)
        for number in range(num_classes):
            own = within[labels == number]
            covariance = (own.T @ own + _LEAN * common) / (len(own) + _LEAN)
            whitening[number] = np.linalg.inv(np.linalg.cholesky(covariance)).T
    return ClassGaussians(projection, means.astype(np.float32), whitening)


def _components(features: Floats, count: int) -> Projection:
    """The principal components of features that are scaled to one variance first, those with the most variance first."""
    mean = features.mean(axis=0, dtype=np.float64)
    centred = features - mean
    deviations = centred.std(axis=0)
    scale = 1 / (deviations + max(_LEAST * float(np.sqrt(np.square(deviations).mean())), 1e-12))
    scaled, mixing = centred * scale, np.diag(scale)
    if centred.shape[1] > _WIDEST:
        mixing = rng_for(0, "deep features").standard_normal((centred.shape[1], _WIDEST)) / np.sqrt(_WIDEST)
        scaled, mixing = scaled @ mixing, scale[:, np.newaxis] * mixing
    axes = mixing @ leading_axes(scaled.T @ scaled, count, least=1)
    return Projection(mean.astype(np.float32), axes.astype(np.float32))
