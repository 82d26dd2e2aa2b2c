"""Classes that the network misses, though the accuracy of all images looks well: 950 healthy, 50 sick, none of them found."""

from models.diagnose.metrics import Accuracy, ClassRecall, Metrics, pool
from models.diagnose.significance import RARE, chance_above, chance_worse

FAR = 0.1
"""Recall that lies this much below the target is far from it; half the target where that is less."""


def find_weak_classes(metrics: Metrics, target_accuracy: float) -> list[ClassRecall]:
    """Classes whose recall on validation images is certainly far below the target, the worst first.

    Each class is tested exactly against the target (binomial) and against the images of the other classes (Fisher), with the
    level divided by the number of classes (Bonferroni): where all classes are as bad, it is not the class that is the cause.

    Args:
        metrics: the scores.
        target_accuracy: in [0, 1].
    """
    error = far_error(target_accuracy)
    found = metrics.recalls["validation"]
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


def far_error(target_accuracy: float) -> float:
    """The error from which on a class is far from the target."""
    return 1 - target_accuracy + min(FAR, target_accuracy / 2)


def weakest_class(metrics: Metrics) -> ClassRecall:
    """The class with the lowest recall on validation images, of equal ones that with more images."""
    return min(metrics.recalls["validation"], key=lambda recall: (recall.accuracy, -recall.images, recall.class_name))


def _together(recalls: list[ClassRecall]) -> Accuracy:
    return pool(recalls, [recall.images for recall in recalls])
