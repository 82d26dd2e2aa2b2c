"""A class has far fewer train images than the others, and is read worse."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, by_hand, experiment, in_points
from models.diagnose.proposals import show_more_often


def find(facts: Facts) -> Finding | None:
    """Stands where an under-represented class is certainly read worse than the others, on validation and test together."""
    if not facts.rare:
        return None
    name, worst, others = facts.rare[0].class_name, facts.rare[0].seen, facts.rare[0].others
    points, interval = in_points(
        others.accuracy - worst.accuracy,
        others.accuracy_interval[0] - worst.accuracy_interval[1],
        others.accuracy_interval[1] - worst.accuracy_interval[0],
    )
    counts = {recall.class_name: recall.images for recall in facts.metrics.recalls["train"]}
    total, own = sum(counts.values()), counts[name]
    return Finding(
        id="imbalance",
        severity="blocker" if facts.stands == "missed" or facts.weak else "note",
        points=points,
        interval=interval,
        headline=f"Imbalance: class {name!r} is {own / total:.1%} of the train images, and is read worse than the others.",
        evidence=(
            f"{own:,} of {total:,} train images; an equal share is {total / len(counts):,.0f}. On validation and test its "
            f"recall is {worst.accuracy:.1%} of {worst.images:,}, that of the other classes {others.accuracy:.1%}."
        ),
        causes=["too few train images of the class"],
        actions=[
            experiment("Show those that are there more often.", show_more_often(facts.settings.augment)),
            by_hand("Collect more images of it."),
        ],
    )
