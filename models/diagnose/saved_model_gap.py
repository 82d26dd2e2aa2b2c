"""Whether the saved model is much worse on train images than it was while it trained on them.

In training, batch normalisation uses each batch's own mean and variance; afterwards it uses averages. Where these do not fit,
all other scores are of a network that nobody trained, and no other finding holds. Training counts an image as often as it shows
it, so the classes of the evaluated images get the same weights. Where images are mixed, the two accuracies are of different
tasks and are not compared; nor where trees classify in the place of the head that was trained.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dataprep.augment.balance import shown_per_class
from dataprep.augment.mixing import is_mixing
from dataprep.config.augment import AugmentConfig
from models.diagnose.metrics import Accuracy, Metrics, pool
from models.diagnose.significance import RARE, chance_worse

NOTEWORTHY = 0.05
"""Points of accuracy; the opposite gap is usual, since augmentation and dropout make training harder."""


@dataclass(frozen=True, slots=True)
class TrainGap:
    """Accuracy on train images: while training (the running mean of the epoch that was kept), and evaluated afterwards."""

    epoch: int
    running: float
    evaluated: Accuracy


def find_gap(kept: Mapping[str, float], metrics: Metrics, augment: AugmentConfig) -> TrainGap | None:
    """The gap where it is large and chance alone would rarely make it.

    Args:
        kept: the row of the history whose weights were saved: epoch, accuracy (running mean on train).
        metrics: scores of the saved model.
        augment: how often training showed each class, and whether it mixed images.
    """
    if augment.online and is_mixing(augment):
        return None
    running, evaluated = kept["accuracy"], _as_shown(metrics, augment)
    trained = evaluated.model_copy(update={"accuracy": running})
    if running - evaluated.accuracy < NOTEWORTHY or chance_worse(evaluated, trained) >= RARE:
        return None
    return TrainGap(int(kept["epoch"]), running, evaluated)


def _as_shown(metrics: Metrics, augment: AugmentConfig) -> Accuracy:
    """The accuracy on train images, each class counted as often as an epoch shows it."""
    recalls = metrics.recalls["train"]
    shown = shown_per_class(np.array([recall.images for recall in recalls]), augment)
    return pool(recalls, shown.tolist())
