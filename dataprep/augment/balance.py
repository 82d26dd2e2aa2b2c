"""How often an image is shown, so that no class is over-represented."""

import numpy as np
from numpy.typing import NDArray

from dataprep.config.augment import AugmentConfig
from dataprep.core.rng import uniforms_for


def repeats_per_class(counts: NDArray[np.int64], config: AugmentConfig) -> NDArray[np.float64]:
    """How often an image of each class is shown in an epoch, at least once.

    Args:
        counts: (num_classes,) images of each class.
        config: `balance`, and `balance_fraction` of the largest class for `to_fraction`.

    Returns:
        (num_classes,) float64.
    """
    least = {"none": 0.0, "oversample": 1.0, "to_fraction": config.balance_fraction}[config.balance]
    repeats: NDArray[np.float64] = np.maximum(least * counts.max(initial=0) / np.maximum(counts, 1), 1.0)
    return repeats


def copies_per_class(counts: NDArray[np.int64], config: AugmentConfig) -> NDArray[np.float64]:
    """How many copies an image of each class gets on average, so that with them the classes are balanced; (num_classes,)."""
    if not config.copies:
        return np.zeros(len(counts))
    copies: NDArray[np.float64] = (1 + config.copies) * repeats_per_class(counts, config) - 1
    return copies


def total_per_class(counts: NDArray[np.int64], per_class: NDArray[np.float64]) -> NDArray[np.int64]:
    """What `repeats_per_image` comes to for (num_classes,) images of each class."""
    return (np.floor(per_class) * counts + np.rint(per_class % 1 * counts)).astype(np.int64)


def shown_per_class(counts: NDArray[np.int64], config: AugmentConfig) -> NDArray[np.int64]:
    """How many images of each class are shown in an epoch, copies among them, of (num_classes,) images without copies."""
    stored = counts + total_per_class(counts, copies_per_class(counts, config))
    return total_per_class(stored, repeats_per_class(stored, config))


def repeats_per_image(
    labels: NDArray[np.int64], keys: NDArray[np.uint64], per_class: NDArray[np.float64], seed: int, *purpose: object
) -> NDArray[np.int64]:
    """Whole numbers for the images of each class, whose sum is what the class is to have, rounded.

    Which images are shown once more than others is decided by what is drawn for them, and not by their order.

    Args:
        labels: (N,).
        keys: (N,) hashes of the ids.
        per_class: (num_classes,) how often an image is to be shown, on the average of its class.
        seed: of the draw.
        *purpose: what for, and in which epoch.

    Returns:
        (N,) int64.
    """
    repeats = np.floor(per_class).astype(np.int64)[labels]
    parts = per_class % 1
    if not parts.any():
        return repeats
    drawn = uniforms_for(keys, seed, "once more", *purpose)
    for label in np.flatnonzero(parts).tolist():
        rows = np.flatnonzero(labels == label)
        repeats[rows[np.argsort(drawn[rows], kind="stable")[: round(float(parts[label]) * len(rows))]]] += 1
    return repeats
