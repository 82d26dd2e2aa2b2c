"""Nothing can be learnt: images and labels have nothing to do with each other."""

from models.diagnose.facts import Facts
from models.diagnose.finding import Finding, by_hand, in_points


def find(facts: Facts) -> Finding | None:
    """Stands where neither the network nor a cheap classifier is certainly better than one that learnt shuffled labels."""
    baselines, validation = facts.evidence.baselines, facts.metrics.validation
    guess = max(validation.majority_accuracy, baselines.shuffled.accuracy)
    if facts.stands != "missed" or baselines.is_related or validation.accuracy_interval[0] > guess:
        return None
    points, interval = in_points(facts.missing, 0.0, facts.missing)
    best = baselines.best
    return Finding(
        id="no_relation",
        severity="blocker",
        points=points,
        interval=interval,
        headline="No relation of images and labels was found: the network is no better than a guess.",
        evidence=(
            f"Validation accuracy is {validation.accuracy:.1%}; the most frequent class alone gives "
            f"{validation.majority_accuracy:.1%}. On {best.train_images:,} train images the best cheap classifier "
            f"({best.name}) reaches {best.accuracy:.1%}, and with shuffled labels {baselines.shuffled.accuracy:.1%}."
        ),
        causes=[
            "labels from the wrong level of the folders",
            "images stored too small to show what they are",
            "shuffled labels",
        ],
        actions=[
            by_hand("Look whether the labels fit the images: darkroom preview prepare."),
            by_hand("Look whether ingest.pattern takes the label from the right folder: darkroom labels."),
        ],
    )
