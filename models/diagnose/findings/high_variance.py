"""High variance: the network is right on train images and wrong on new ones."""

from dataprep.augment.operations import section_of
from dataprep.config.augment import OPERATIONS, AugmentConfig
from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, Value, by_hand, experiment, in_points, with_interval

MORE_OFTEN = 0.25
"""Added to the probability of each operation that is on."""


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
        evidence=f"Validation error is {with_interval(points, interval)} above train error.",
        causes=["too few train images, or too much alike", "too little regularisation", "a network that is too large"],
        actions=[
            by_hand("Collect more train images of the classes that are confused most."),
            experiment("Or vary train images more often.", vary_more(facts.settings.augment)),
            by_hand("Then raise model.network.dropout or model.l2."),
            by_hand("Then try a smaller network."),
        ],
    )


def vary_more(augment: AugmentConfig) -> dict[str, Value]:
    """Higher probabilities for the operations that are on; each was found fit for these images."""
    probabilities = {name: section_of(augment, name).probability for name in OPERATIONS}
    more: dict[str, Value] = {
        f"augment.{name}.probability": round(min(probability + MORE_OFTEN, 1.0), 6)
        for name, probability in probabilities.items()
        if 0 < probability < 1
    }
    return more | ({} if augment.online or not more else {"augment.online": True})
