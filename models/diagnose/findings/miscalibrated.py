"""The network is surer than it is right, or less sure."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, by_hand, in_points

LEAST = 0.02
"""Expected calibration error from which on it is worth a word."""


def find(facts: Facts) -> Finding | None:
    """Stands beside the others: no image is read otherwise for it, but its probabilities mislead."""
    calibration = facts.evidence.calibration
    if facts.gap or calibration.interval[0] < LEAST:
        return None
    error = calibration.expected_calibration_error
    points, interval = in_points(error, *calibration.interval)
    surer = calibration.mean_confidence > facts.metrics.validation.accuracy
    return Finding(
        id="miscalibrated",
        severity="note",
        points=points,
        interval=interval,
        headline=f"Calibration: the network is {'surer than it is right' if surer else 'right more often than it is sure'}.",
        evidence=(
            f"Mean confidence is {calibration.mean_confidence:.1%}, accuracy {facts.metrics.validation.accuracy:.1%}; the "
            f"expected calibration error is {error:.1%}. A temperature of {calibration.temperature:g} brings it to "
            f"{calibration.after_temperature:.1%}."
        ),
        causes=["training that went on after the accuracy was reached" if surer else "label smoothing, mixing, or dropout"],
        actions=[by_hand("Do not read its probabilities as chances before they were divided by this temperature.")],
    )
