"""Whether the saved model is much worse on train images than it was while it trained on them.

While it trains, batch normalisation uses each batch's own mean and variance; afterwards it uses averages. Where these do not
fit, all other scores are of a network that nobody trained, and no other verdict holds.
"""

import polars as pl

from models.diagnose.metrics import Metrics
from models.diagnose.significance import RARE, chance_worse
from models.diagnose.verdict import Diagnosis

NOTEWORTHY = 0.05
"""Points of accuracy; the opposite gap is usual, since augmentation and dropout make training harder."""


def judge_gap(diagnosis: Diagnosis, history: pl.DataFrame, metrics: Metrics) -> Diagnosis:
    """Puts the gap before the verdict where it is large and chance alone would rarely make it.

    Args:
        diagnosis: the verdict so far.
        history: one row per epoch: epoch, accuracy (running mean on train), val_loss.
        metrics: scores of the saved model.
    """
    best = history.sort("val_loss", "epoch").row(0, named=True)
    running, train = float(best["accuracy"]), metrics.train
    trained = train.model_copy(update={"accuracy": running})
    if running - train.accuracy < NOTEWORTHY or chance_worse(train, trained) >= RARE:
        return diagnosis
    return diagnosis.model_copy(
        update={
            "finding": "evaluated_below_running",
            "headline": "The saved model is not the one that trained: on the same train images it is much worse.",
            "evidence": (
                f"While it trained, {running:.1%} of the train images were right (epoch {best['epoch']}, the one kept); "
                f"evaluated, {train.accuracy:.1%} are. {diagnosis.evidence}"
            ),
            "next_experiment": (
                "Judge neither network nor data yet. The usual cause is batch normalisation, whose averages need more or "
                "larger batches: change train.batch_size, raise train.epochs and train.patience, lower train.learning_rate, or "
                "set model.batch_normalisation to false."
            ),
        }
    )
