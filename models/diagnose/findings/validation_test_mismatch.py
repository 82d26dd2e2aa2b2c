"""Validation and test disagree."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, by_hand, in_points, with_interval


def find(facts: Facts) -> Finding | None:
    """Stands where the test error is certainly above the validation error, also where validation reaches the target."""
    part = facts.part("mismatch")
    if part is None:
        return None
    points, interval = in_points(part.size, *part.interval)
    return Finding(
        id="validation_test_mismatch",
        severity="problem",
        points=points,
        interval=interval,
        headline="Validation and test disagree: what validation promises, test does not keep.",
        evidence=f"Test error is {with_interval(points, interval)} above validation error.",
        causes=["the two sets come from other sources, writers, cameras or times", "settings were chosen to fit validation"],
        actions=[
            by_hand("Compare the two sets: sources, writers, cameras, times."),
            by_hand("Draw validation from where test comes from. Until then, do not tune by validation."),
        ],
    )
