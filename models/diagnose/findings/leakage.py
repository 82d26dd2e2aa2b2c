"""What a random split would have gained, where the split keeps something together."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, in_points
from models.diagnose.leakage_estimate import ProbeScore


def find(facts: Facts) -> Finding | None:
    """Stands beside the others, and changes nothing of what they say."""
    leakage = facts.leakage
    if leakage is None:
        return None
    made, random = leakage.made, leakage.random
    points, interval = in_points(
        random.accuracy - made.accuracy,
        random.accuracy_interval[0] - made.accuracy_interval[1],
        random.accuracy_interval[1] - made.accuracy_interval[0],
    )
    return Finding(
        id="leakage",
        severity="note",
        points=points,
        interval=interval,
        headline=f"{leakage.sentence}.",
        evidence=(
            f"{leakage.held_out_images:,} validation images, each given the class of the most similar of "
            f"{leakage.train_images:,} train images: {_in_words(made)} as split here, {_in_words(random)} with the same images "
            "split at random."
        ),
        causes=[],
        actions=[],
    )


def _in_words(score: ProbeScore) -> str:
    low, high = score.accuracy_interval
    return f"{score.accuracy:.1%} ({low:.1%} to {high:.1%})"
