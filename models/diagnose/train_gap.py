"""Whether the saved model is much worse on train images than it was while it trained on them.

While it trains, batch normalisation uses each batch's own mean and variance; afterwards it uses averages. Where these do not
fit, all other scores are of a network that nobody trained, and no other verdict holds. Training counts an image as often as it
shows it, so the classes of the evaluated images are weighted alike. Where images are mixed the two accuracies are of other
tasks, and nothing is compared.
"""

import numpy as np
import polars as pl

from dataprep.augment.balance import shown_per_class
from dataprep.augment.mixing import is_mixing
from dataprep.config.augment import AugmentConfig
from models.diagnose.metrics import Accuracy, Metrics, pool
from models.diagnose.significance import RARE, chance_worse
from models.diagnose.verdict import Diagnosis

NOTEWORTHY = 0.05
"""Points of accuracy; the opposite gap is usual, since augmentation and dropout make training harder."""


def judge_gap(
    diagnosis: Diagnosis, history: pl.DataFrame, metrics: Metrics, augment: AugmentConfig, *, batch_normalisation: bool
) -> Diagnosis:
    """Puts the gap before the verdict where it is large and chance alone would rarely make it.

    Args:
        diagnosis: the verdict so far.
        history: one row per epoch: epoch, accuracy (running mean on train), val_loss.
        metrics: scores of the saved model.
        augment: how often training showed each class, and whether it mixed images.
        batch_normalisation: whether the network has it, which is then the usual cause.
    """
    if augment.online and is_mixing(augment):
        return diagnosis
    best = history.sort("val_loss", "epoch").row(0, named=True)
    running, train = float(best["accuracy"]), _as_shown(metrics, augment)
    trained = train.model_copy(update={"accuracy": running})
    if running - train.accuracy < NOTEWORTHY or chance_worse(train, trained) >= RARE:
        return diagnosis
    return diagnosis.model_copy(
        update={
            "finding": "evaluated_below_running",
            "headline": "The saved model is not the one that trained: on the train images it is much worse.",
            "evidence": (
                f"While it trained, {running:.1%} of the train images were right (epoch {best['epoch']}, the one kept); "
                f"evaluated, each class counted as often as it was shown, {train.accuracy:.1%} are. {diagnosis.evidence}"
            ),
            "next_experiment": _NORMALISED if batch_normalisation else _NOT_NORMALISED,
        }
    )


def _as_shown(metrics: Metrics, augment: AugmentConfig) -> Accuracy:
    """The accuracy on train images, each class counted as often as an epoch shows it."""
    recalls = metrics.recalls["train"]
    shown = shown_per_class(np.array([recall.images for recall in recalls]), augment)
    return pool(recalls, shown.tolist())


_NORMALISED = (
    "Judge neither network nor data yet. The usual cause is batch normalisation, whose averages need more or larger batches: "
    "change train.batch_size, raise train.epochs and train.patience, lower train.learning_rate, or set "
    "model.network.batch_normalisation to false."
)
_NOT_NORMALISED = (
    "Judge neither network nor data yet. The last steps of the epoch may have spoilt the weights: lower train.learning_rate. "
    "Or the varied images are easier than those that are evaluated: set augment.copies to 0 and augment.online to false to see."
)
