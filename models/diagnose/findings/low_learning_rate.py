"""The learning rate is far below the usual one, and training has not come to rest."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, experiment, in_points
from models.diagnose.loss_curve import chance_of_fall
from models.diagnose.significance import RARE

_FACTOR = 10
_REGULAR = 0.001
"""Chance below which the train loss falls too regularly for steps of the right size, which end by swinging a little."""


def find(facts: Facts) -> Finding | None:
    """Stands where train images are certainly missed at a tenth of the usual rate or less, and the train loss falls regularly.

    The loss alone does not tell: on digits, Adam at a rate that was far too high, 0.2, had one that fell as regularly.
    """
    curve, settings, bias = facts.curve, facts.settings, facts.part("bias")
    if curve is None or bias is None or curve.epochs < settings.epochs or settings.rate_over_usual > 1 / _FACTOR:
        return None
    regular = chance_of_fall(curve.loss) < _REGULAR and chance_of_fall(curve.loss[curve.epochs // 2 :]) < RARE
    if not regular:
        return None
    points, interval = in_points(bias.size, *bias.interval)
    return Finding(
        id="low_learning_rate",
        severity="blocker",
        points=points,
        interval=interval,
        headline="The learning rate is too low: the train loss still falls, and slowly.",
        evidence=(
            f"{settings.rate_in_words}; the train loss fell from {curve.loss[0]:.3g} to {curve.loss[-1]:.3g} in "
            f"{curve.epochs:,} epochs and did not come to rest."
        ),
        causes=["a learning rate that is too low", "images varied so much that the loss cannot fall further"],
        actions=[
            experiment(
                f"Train at {_FACTOR} times the rate.",
                {"train.optimizer.learning_rate": float(f"{settings.learning_rate * _FACTOR:.3g}")},
            )
        ],
    )
