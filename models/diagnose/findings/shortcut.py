"""The network decides by the border or a corner of the images, not by what they show."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, by_hand, in_points
from models.evaluate.regions import UnderRegion

MOST_LOST = 0.5
"""Part of what the network knows beyond a guess; where less is lost the region is one clue among others."""

SMALL_AREA = 0.1
"""Part of the image in which no object is read."""


def find(facts: Facts) -> Finding | None:
    """Stands where one region that is not the centre decides: alone, most skill is left, and hidden, most of it is lost.

    Of a corner the first is enough: nothing that an image shows is read from a sixteenth of it, and a network that learnt the
    mark and the object reads both alone. Skill is accuracy above the most frequent class. New images that lack the clue would
    be read as badly as with it hidden.
    """
    robustness, guess = facts.evidence.robustness, facts.metrics.validation.majority_accuracy
    if facts.gap or robustness.accuracy is None or robustness.accuracy <= guess:
        return None
    half = guess + MOST_LOST * (robustness.accuracy - guess)
    decisive = [
        own
        for own in robustness.regions
        if own.region != "centre" and own.alone_interval[0] > half and (own.area < SMALL_AREA or own.hidden_interval[1] < half)
    ]
    if not decisive:
        return None
    own = max(decisive, key=lambda region: (region.alone - region.hidden, -region.area))
    low, high = own.hidden_interval
    points, interval = in_points(robustness.accuracy - own.hidden, robustness.accuracy - high, robustness.accuracy - low)
    return Finding(
        id="shortcut",
        severity="blocker",
        points=points,
        interval=interval,
        headline=f"Shortcut: the network decides by the {own.region}, not by what the images show.",
        evidence=_evidence(own, robustness.accuracy),
        causes=["a mark, a frame, a date or a background that goes with the class", "classes that come from other sources"],
        actions=[
            by_hand(f"Look at the {own.region} of the images of each class: darkroom preview prepare."),
            by_hand("Remove what gives the class away from the images, or collect images of all classes from one source."),
        ],
    )


def _evidence(own: UnderRegion, accuracy: float) -> str:
    return (
        f"Accuracy is {accuracy:.1%}; with the {own.region} hidden ({own.area:.0%} of the image) it is {own.hidden:.1%}, and "
        f"where nothing but that is shown, {own.alone:.1%}."
    )
