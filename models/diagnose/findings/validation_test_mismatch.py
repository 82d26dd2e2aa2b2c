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
        evidence=f"Test error is {with_interval(points, interval)} above validation error. {_differences(facts)}",
        causes=["the two sets come from other sources, writers, cameras or times", "settings were chosen to fit validation"],
        actions=[
            by_hand("Compare the two sets: sources, writers, cameras, times."),
            by_hand("Draw validation from where test comes from. Until then, do not tune by validation."),
        ],
    )


def _differences(facts: Facts) -> str:
    """In what the images of the two sets differ for certain."""
    shifts = [shift for shift in facts.evidence.shifts if shift.splits == ("validation", "test")]
    named = [
        f"{shift.fact.replace('_', ' ')} (median {shift.medians[0]:.3g} and {shift.medians[1]:.3g})"
        if shift.medians
        else "what the network sees in them"
        for shift in shifts[:_SHOWN]
    ]
    if not named:
        return "Their images differ in nothing that was measured: brightness, contrast, sharpness, ink, strokes, features."
    return f"Their images differ in {', '.join(named)}."


_SHOWN = 3
