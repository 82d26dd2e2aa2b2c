"""The learning rate is so high that the steps of training undo each other."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, experiment, in_points
from models.diagnose.loss_curve import FEWEST

_FACTOR = 10


def find(facts: Facts) -> Finding | None:
    """Stands where train images are certainly missed, and the rate is above the usual one: ten times, or the loss shows it.

    It shows where the train loss swings, or stands still at a guess. After few epochs nothing has settled, at whatever rate.

    A guess is an accuracy that is not certainly above that of the most frequent class. A network without a relation to learn
    stands still as well; so labels are a cause.
    """
    curve, settings, bias = facts.curve, facts.settings, facts.part("bias")
    if curve is None or bias is None or settings.rate_over_usual <= 1:
        return None
    if curve.epochs < FEWEST and not curve.swings:
        return None
    guesses = facts.metrics.train.accuracy_interval[0] <= facts.metrics.train.majority_accuracy
    stuck = guesses and curve.stands_still
    if not (curve.swings or stuck or settings.rate_over_usual >= _FACTOR):
        return None
    points, interval = in_points(bias.size, *bias.interval)
    seen = [
        *(["the train loss swings from epoch to epoch, or is no number"] if curve.swings else []),
        *(["the train loss does not fall, and train accuracy is that of a guess"] if stuck else []),
        f"train accuracy is {facts.metrics.train.accuracy:.1%} after {curve.epochs:,} epochs",
    ]
    lower = f"{settings.learning_rate / _FACTOR:.3g}"
    return Finding(
        id="high_learning_rate",
        severity="blocker",
        points=points,
        interval=interval,
        headline="The learning rate is too high: training does not settle.",
        evidence=f"{settings.rate_in_words}; {', and '.join(seen)}.",
        causes=["a learning rate that is too high", "labels that have no relation to the images, where no lower rate helps"],
        actions=[experiment(f"Train at a {_FACTOR}th of the rate.", {"train.optimizer.learning_rate": float(lower)})],
    )
