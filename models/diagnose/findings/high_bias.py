"""High bias: the network is wrong on its own train images."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, by_hand, experiment, in_points, train_longer, with_interval
from models.diagnose.proposals import larger_network, less_regularised


def find(facts: Facts) -> Finding | None:
    """Stands where the target is missed and the train error is certainly above it."""
    part = facts.part("bias")
    if part is None:
        return None
    points, interval = in_points(part.size, *part.interval)
    settings = facts.settings
    return Finding(
        id="high_bias",
        severity="problem",
        points=points,
        interval=interval,
        headline="High bias: the model is too weak for its own train images.",
        evidence=f"Train error is {with_interval(points, interval)} above the target. {_baseline(facts)}",
        causes=[
            "training that ended too early",
            "a network that is too small, or is held back by dropout and penalties",
            "train images that are varied too much",
            "wrong labels and unreadable images, which put a floor under the error",
        ],
        actions=[
            *([experiment("Regularise less.", less)] if (less := less_regularised(settings)) else []),
            experiment("Make the network larger.", larger_network(settings)),
            train_longer(settings.epochs, settings.early_stopping.patience),
            by_hand("Look at the mistakes on train images: wrong labels and unreadable images."),
            *([experiment("Do not vary train images.", {"augment.online": False})] if settings.augment.online else []),
        ],
    )


def _baseline(facts: Facts) -> str:
    """How the network stands to a cheap classifier, on validation."""
    best, own = facts.evidence.baselines.best, facts.metrics.validation.accuracy
    better = "better" if own > best.accuracy else "no better"
    return f"On validation it is {better} than the best cheap classifier ({best.name}, {best.accuracy:.1%})."
