"""A class that the network misses, whatever the accuracy of all images."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, by_hand, experiment, in_points
from models.diagnose.proposals import show_more_often


def find(facts: Facts) -> Finding | None:
    """Stands where the recall of a class is certainly far below the target, and neither images nor right labels are lacking."""
    if not facts.weak or facts.doubtful or facts.weak[0].class_name in {rare.class_name for rare in facts.rare}:
        return None
    worst, target = facts.weak[0], facts.settings.target_accuracy
    low, high = worst.accuracy_interval
    images = facts.metrics.validation.images
    ends = zip(*[(own.accuracy, *reversed(own.accuracy_interval)) for own in facts.weak], strict=True)
    shares = [own.images / images for own in facts.weak]
    points, interval = in_points(
        *(sum(share * (target - end) for share, end in zip(shares, side, strict=True)) for side in ends)
    )
    recall = f"recall {worst.accuracy:.1%} on validation (95% interval {low:.1%} to {high:.1%}), target {target:.1%}."
    one = len(facts.weak) == 1
    missed = f"Class {worst.class_name!r} is" if one else f"{len(facts.weak):,} classes are"
    return Finding(
        id="weak_class",
        severity="problem" if facts.part("bias") else "blocker",  # a network that is too weak misses some class most
        points=points,
        interval=interval,
        headline=f"{missed} missed{'' if one else f', most of all {worst.class_name!r}'}: {recall}",
        evidence="; ".join(f"{own.class_name!r}: {own.accuracy:.1%} of {own.images:,}" for own in facts.weak) + ".",
        causes=["images that cannot be read, or have wrong labels", "too few train images of the class"],
        actions=[
            by_hand("Look at the mistakes of that class first: are its images readable, its labels right?"),
            by_hand("Collect more train images of it."),
            experiment("Or show those that are there more often.", show_more_often(facts.settings.augment)),
        ],
    )
