"""High variance: the network is right on train images and wrong on new ones."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, by_hand, experiment, in_points, with_interval
from models.diagnose.proposals import more_regularised, vary_more


def find(facts: Facts) -> Finding | None:
    """Stands where the target is missed and the validation error is certainly above the train error."""
    part = facts.part("variance")
    if part is None:
        return None
    points, interval = in_points(part.size, *part.interval)
    return Finding(
        id="high_variance",
        severity="problem",
        points=points,
        interval=interval,
        headline="High variance: the model knows its train images better than it understands new ones.",
        evidence=f"Validation error is {with_interval(points, interval)} above train error. {_growth(facts)}",
        causes=["too few train images, or too much alike", "too little regularisation", "a network that is too large"],
        actions=[
            experiment("Vary train images more.", vary_more(facts)),
            by_hand("Collect more train images of the classes that are confused most."),
            experiment("Regularise more.", more_regularised(facts.settings)),
            by_hand("Then try a smaller network."),
        ],
    )


def _growth(facts: Facts) -> str:
    """What more images would bring, as far as a cheap classifier tells."""
    before, now = facts.evidence.baselines.growth[-2:]
    return (
        f"The nearest neighbour rose from {before.accuracy:.1%} to {now.accuracy:.1%} when its train images went from "
        f"{before.train_images:,} to {now.train_images:,}: twice the images would bring about as much again."
    )
