"""Classes that the network misses, though the accuracy of all images looks well: 950 healthy, 50 sick, none of them found."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.diagnose.metrics import Accuracy, ClassRecall, Metrics, pool
from models.diagnose.significance import RARE, chance_above, chance_worse

FAR = 0.1
"""Recall that lies this much below the target is far from it; half the target where that is less."""
UNDER_REPRESENTED = 0.5
"""Part of an equal share of the train images below which a class is under-represented."""
FEWEST = 10
"""Images of a class on validation and test together, from which on something is said of what its rarity costs."""


@dataclass(frozen=True, slots=True)
class RareClass:
    """An under-represented class that is read worse than the others, on validation and test together."""

    class_name: str
    seen: Accuracy
    others: Accuracy


def find_weak_classes(metrics: Metrics, target_accuracy: float) -> list[ClassRecall]:
    """Classes whose recall on validation images is certainly far below the target, the worst first.

    Args:
        metrics: the scores.
        target_accuracy: in [0, 1].
    """
    return weak_among(metrics.recalls["validation"], target_accuracy)


def weak_among(found: Sequence[ClassRecall], target_accuracy: float) -> list[ClassRecall]:
    """Classes of one split whose recall is certainly far below the target, the worst first.

    Each class is tested exactly against the target (binomial) and against the images of the other classes (Fisher), with the
    level divided by the number of classes (Bonferroni): where all classes are as bad, it is not the class that is the cause.

    Args:
        found: the recall of each class.
        target_accuracy: in [0, 1].
    """
    error = far_error(target_accuracy)
    if len(found) == 1:
        return []  # no other class to stand out from
    level = RARE / len(found)
    weak = [
        recall
        for recall in found
        if chance_above(recall, error) < level
        and chance_worse(recall, _together([other for other in found if other is not recall])) < level
    ]
    return sorted(weak, key=lambda recall: (recall.accuracy, recall.class_name))


def find_rare_classes(metrics: Metrics) -> list[RareClass]:
    """Under-represented classes that are certainly read worse than the others, the worst first.

    Each is tested against the other classes (Fisher), with the level divided by the number of classes that are rare.
    """
    counts = {recall.class_name: recall.images for recall in metrics.recalls["train"]}
    fair = sum(counts.values()) / len(counts)
    held_out = [*metrics.recalls["validation"], *metrics.recalls["test"]]
    names = sorted(name for name, count in counts.items() if count < UNDER_REPRESENTED * fair)
    found = []
    for name in names:
        own = [recall for recall in held_out if recall.class_name == name]
        others = [recall for recall in held_out if recall.class_name != name]
        if (
            sum(recall.images for recall in own) >= FEWEST
            and others
            and chance_worse(_together(own), _together(others)) < RARE / len(names)
        ):
            found.append(RareClass(name, _together(own), _together(others)))
    return sorted(found, key=lambda rare: (rare.seen.accuracy, rare.class_name))


def far_error(target_accuracy: float) -> float:
    """The error from which on a class is far from the target."""
    return 1 - target_accuracy + min(FAR, target_accuracy / 2)


def weakest_class(metrics: Metrics) -> ClassRecall:
    """The class with the lowest recall on validation images, of equal ones that with more images."""
    return min(metrics.recalls["validation"], key=lambda recall: (recall.accuracy, -recall.images, recall.class_name))


def _together(recalls: list[ClassRecall]) -> Accuracy:
    return pool(recalls, [recall.images for recall in recalls])
