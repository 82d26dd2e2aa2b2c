"""The learning rate is so low that no number of epochs within reach would do."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, experiment, in_points
from models.diagnose.learning_curve import chance_of_fall
from models.diagnose.significance import RARE

_FACTOR = 10
_OUT_OF_REACH = 3
"""Times as many epochs as were run; fewer are a matter of training on."""
_REGULAR = 0.001
"""Chance below which the train loss falls too regularly for steps of the right size, which end by swinging a little."""


def find(facts: Facts) -> Finding | None:
    """Stands where train images are certainly missed, and the train loss falls regularly, but far too slowly.

    A rate that is far too high can look the same: on digits, Adam at 0.2 did. So the rate must be far below the usual one.
    """
    curve, settings, bias = facts.curve, facts.settings, facts.part("bias")
    if curve is None or bias is None or curve.epochs < settings.epochs or settings.rate_over_usual > 1 / _FACTOR:
        return None
    regular = chance_of_fall(curve.loss) < _REGULAR and chance_of_fall(curve.loss[curve.epochs // 2 :]) < RARE
    if not regular or curve.epochs_left < _OUT_OF_REACH * curve.epochs:
        return None
    points, interval = in_points(bias.size, *bias.interval)
    return Finding(
        id="low_learning_rate",
        severity="blocker",
        points=points,
        interval=interval,
        headline="The learning rate is too low: the loss falls in every epoch, and far too slowly.",
        evidence=(
            f"The train loss fell from {curve.loss[0]:.3g} to {curve.loss[-1]:.3g} in {curve.epochs:,} epochs at rate "
            f"{settings.learning_rate:g}; at its last pace it would take {curve.epochs_left:,.0f} more to vanish."
        ),
        causes=["a learning rate that is too low", "images varied so much that the loss cannot fall further"],
        actions=[
            experiment(
                f"Train at {_FACTOR} times the rate.",
                {"train.optimizer.learning_rate": float(f"{settings.learning_rate * _FACTOR:.3g}")},
            )
        ],
    )
