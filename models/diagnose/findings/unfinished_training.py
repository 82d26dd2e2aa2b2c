"""Training ended by its number of epochs while validation was still getting better."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, experiment, in_points
from models.diagnose.proposals import longer

FEW = 10
"""Epochs below which four times as many are proposed at least: twice as many gained nothing."""

LARGE = 0.25
"""Part of the miss that as many epochs again would bring, from which on nothing else is looked at first."""


def find(facts: Facts) -> Finding | None:
    """Stands where the target is missed, no better epoch had been waited for in vain, and the validation loss still fell.

    It comes before bias and variance: what the rest of training would bring is neither.
    """
    curve, settings = facts.curve, facts.settings
    if curve is None or facts.stands != "missed" or curve.epochs < settings.epochs or not curve.still_falls:
        return None
    points, interval = in_points(min(curve.outlook, facts.missing), 0.0, facts.missing)
    kept = "the best epoch is the last" if curve.kept == curve.epochs else f"the best epoch is {curve.kept}"
    return Finding(
        id="unfinished_training",
        severity="blocker" if curve.outlook >= LARGE * facts.missing else "problem",
        points=points,
        interval=interval,
        headline="Unfinished training: validation was still getting better when the epochs ran out.",
        evidence=(
            f"Of {curve.epochs:,} epochs, as many as train.epochs allows, {kept}. Validation loss still fell to the end; in "
            f"the second half validation accuracy rose by {100 * curve.gained:.1f} points; as many epochs again would bring "
            f"about {100 * curve.outlook:.1f}."
            if curve.epochs > 1
            else "There was one epoch, as train.epochs says."
        ),
        causes=["too few epochs", "a learning rate that falls too early"],
        actions=[experiment("Train longer.", longer(facts, least=(4 if settings.epochs < FEW else 2) * settings.epochs))],
    )
