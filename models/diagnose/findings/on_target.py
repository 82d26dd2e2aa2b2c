"""The target is reached."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, by_hand, in_points


def find(facts: Facts) -> Finding | None:
    """Stands where the whole interval of the validation accuracy reaches the target, and nothing worse is certain."""
    if facts.stands != "reached" or facts.certain or facts.weak:
        return None
    validation, target = facts.metrics.validation, facts.settings.target_accuracy
    low, high = validation.accuracy_interval
    points, interval = in_points(target - validation.accuracy, target - high, target - low)
    return Finding(
        id="on_target",
        severity="result",
        points=points,
        interval=interval,
        headline="On target: validation reaches what was asked.",
        evidence=(
            f"Validation accuracy is {validation.accuracy:.1%} (95% interval {low:.1%} to {high:.1%}), the target {target:.1%}."
        ),
        causes=[],
        actions=[
            by_hand("Read the worst mistakes for wrong labels."),
            by_hand("Then raise diagnose.target_accuracy, or stop here."),
        ],
    )
