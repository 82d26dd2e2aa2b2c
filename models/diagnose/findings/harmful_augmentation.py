"""An operation of augmentation that is on makes images that the network cannot read, though it was trained on such images."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, experiment, in_points

NOTEWORTHY = 0.05
"""Points of accuracy that the operation must cost."""


def find(facts: Facts) -> Finding | None:
    """Stands where accuracy under one operation that is on is lower by five points or more, and certainly lower."""
    robustness = facts.evidence.robustness
    if facts.gap or robustness.accuracy is None:
        return None
    on = [under for under in robustness.operations if under.probability > 0]
    harmful = [
        under
        for under in on
        if robustness.accuracy - under.accuracy >= NOTEWORTHY and under.accuracy_interval[1] < robustness.accuracy
    ]
    if not harmful:
        return None
    worst = harmful[0]
    low, high = worst.accuracy_interval
    points, interval = in_points(robustness.accuracy - worst.accuracy, robustness.accuracy - high, robustness.accuracy - low)
    name = worst.operation.replace("_", " ")
    return Finding(
        id="harmful_augmentation",
        severity="problem",
        points=points,
        interval=interval,
        headline=f"Augmentation: {name} is on, and under it alone the network reads much worse.",
        evidence=(
            f"{worst.accuracy:.1%} instead of {robustness.accuracy:.1%} of {robustness.images:,} validation images, though one "
            f"train image in {1 / worst.probability:.2g} was changed so."
        ),
        causes=["a range so wide that it destroys what the label says", "an operation that turns one class into another"],
        actions=[experiment("Train without it.", {f"augment.{worst.operation}.probability": 0.0})],
    )
