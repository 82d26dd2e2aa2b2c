"""Small changes that new images may well have make the network fail."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, Value, by_hand, experiment, in_points
from models.evaluate.accuracy_by_level import UnderLevel

LOST = 0.1
"""Points of accuracy."""


def find(facts: Facts) -> Finding | None:
    """Stands where a small change certainly costs ten points.

    Validation has no such images, so its accuracy says nothing of them.
    """
    robustness = facts.evidence.robustness
    if facts.gap or robustness.accuracy is None:
        return None
    broken = [own for own in robustness.levels if own.small and own.accuracy_interval[1] < robustness.accuracy - LOST]
    if not broken:
        return None
    worst = min(broken, key=lambda own: (own.accuracy, own.operation, own.level))
    low, high = worst.accuracy_interval
    points, interval = in_points(robustness.accuracy - worst.accuracy, robustness.accuracy - high, robustness.accuracy - low)
    return Finding(
        id="sensitive_to_change",
        severity="note",  # the images that are there are not read worse for it
        points=points,
        interval=interval,
        headline=f"Sensitive: {in_words(worst)}, and the network reads only {worst.accuracy:.1%}.",
        evidence=(
            f"On the same {worst.images:,} validation images, unchanged, it reads {robustness.accuracy:.1%}. "
            f"Changes that cost ten points or more: {', '.join(sorted(in_words(own) for own in broken))}."
        ),
        causes=["train images are all alike in this", "augmentation that leaves it out"],
        actions=[experiment("Vary train images in this.", _vary(facts, worst)), by_hand("Collect images that differ in this.")],
    )


def in_words(own: UnderLevel) -> str:
    """A level for people."""
    size = abs(own.level)
    match own.operation:
        case "rotation":
            return f"turned by {size:g} degrees {'counter-clockwise' if own.level > 0 else 'clockwise'}"
        case "shift":
            return f"shifted by {size:.0%} {'right and down' if own.level > 0 else 'left and up'}"
        case "zoom":
            return f"{abs(own.level - 1):.0%} {'larger' if own.level > 1 else 'smaller'}"
        case "pen_width":
            return f"strokes {2 * size:g} px {'thicker' if own.level > 0 else 'thinner'}"
        case _:
            return f"{own.operation.replace('_', ' ')} at {own.level:g}"


def _vary(facts: Facts, own: UnderLevel) -> dict[str, Value]:
    augment, name = facts.settings.augment, own.operation
    field = {"rotation": "degrees", "shift": "fraction", "zoom": "factor", "pen_width": "px"}[name]
    section = getattr(augment, name)
    lowest, highest = getattr(section, field)
    changes: dict[str, Value] = {}
    if section.probability < 0.5:
        changes[f"augment.{name}.probability"] = 0.5
    if not lowest <= own.level <= highest:
        changes[f"augment.{name}.{field}"] = [min(lowest, own.level), max(highest, own.level)]
    if not augment.online:
        changes["augment.online"] = True
    return changes
