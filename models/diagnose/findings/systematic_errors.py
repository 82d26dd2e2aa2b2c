"""One part of the images, which have something in common, is read much worse than the rest."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, Severity, by_hand, in_points
from models.diagnose.slices import Slice

TIMES = 2.0
"""As many mistakes as in the rest, relative to the images; less is the usual difference between writers and shapes."""
LEAST = 0.05
"""Points of accuracy below the rest."""
MOST_OF_IT = 0.5
"""Part of what is missing to the target from which on the slice comes before everything else."""


def find(facts: Facts) -> Finding | None:
    """Stands where the error in a slice is certainly and by far higher than in the rest; the worst is named."""
    if facts.gap:
        return None
    grave = [own for own in facts.evidence.slices if is_grave(own)]
    if not grave:
        return None
    worst = max(grave, key=lambda own: (own.kind in ("group", "origin"), own.explained, own.name))
    low, high = (max(worst.others.accuracy - end, 0.0) for end in reversed(worst.seen.accuracy_interval))
    share = worst.seen.images / (worst.seen.images + worst.others.images)
    points, interval = in_points(worst.explained, min(low * share, worst.explained), max(high * share, worst.explained))
    others = [f"{own.name} ({own.seen.error:.1%}, {own.split})" for own in grave if own is not worst][:3]
    return Finding(
        id="systematic_errors",
        severity=_severity(facts, worst),
        points=points,
        interval=interval,
        headline=f"Systematic errors: {worst.name} is read worse than the rest of {worst.split}.",
        evidence=(
            f"Error is {worst.seen.error:.1%} on these {worst.seen.images:,} images and {worst.others.error:.1%} on the others "
            f"(p = {worst.p_value:.2g}, corrected for {len(facts.evidence.slices):,} slices)."
            + (f" Others: {'; '.join(others)}." if others else "")
        ),
        causes=["such images are rare or missing in train", "they are harder to read, or their labels are wrong"],
        actions=[
            by_hand("Look at its mistakes: are the images readable, the labels right?"),
            by_hand("Collect such images for train, or vary train images so that they look like these (augment)."),
        ],
        images=list(worst.ids),
    )


def _severity(facts: Facts, worst: Slice) -> Severity:
    """Where the target is reached nothing needs mending. Look-alikes are near a border of classes, where mistakes are usual."""
    if facts.stands != "missed" or worst.kind == "features":
        return "note"
    return "blocker" if worst.explained >= MOST_OF_IT * facts.missing else "problem"


def is_grave(own: Slice) -> bool:
    """Whether a slice is worth a word: certain, and far from the rest."""
    far = own.seen.error >= max(TIMES * own.others.error, own.others.error + LEAST)
    return own.is_certain and far
