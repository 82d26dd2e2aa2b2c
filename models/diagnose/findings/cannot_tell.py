"""Too few independent images to tell: whether the target is reached, or why it is missed."""

import math

from dataprep.core.confidence_intervals import trials_to_decide
from models.diagnose.error_parts import as_alike
from models.diagnose.facts import Facts
from models.diagnose.finding import Action, Finding, by_hand, in_points, with_interval
from models.diagnose.metrics import Accuracy
from models.diagnose.significance import times_to_tell_apart, times_to_tell_from

MOST = 100
"""Times as many images as there are; more are not worth a number."""


def find(facts: Facts) -> Finding | None:
    """Stands where the interval of the validation accuracy holds the target, or lies below it without a certain cause."""
    if facts.stands not in ("open", "missed") or facts.certain or facts.weak:
        return None
    validation, target = facts.metrics.validation, facts.settings.target_accuracy
    low, high = validation.accuracy_interval
    points, interval = in_points(target - validation.accuracy, target - high, target - low)
    seen = f"{validation.accuracy:.1%} (95% interval {low:.1%} to {high:.1%})"
    headline, actions = (_whether if facts.stands == "open" else _why)(facts, seen)
    return Finding(
        id="cannot_tell",
        severity="result",
        points=points,
        interval=interval,
        headline=headline,
        evidence=f"Target less accuracy: {with_interval(points, interval)}; only what is independent counts.",
        causes=["too few independent images for a difference this small"],
        actions=actions,
    )


def _whether(facts: Facts, seen: str) -> tuple[str, list[Action]]:
    """Headline and actions where the target may be reached or not."""
    target = facts.settings.target_accuracy
    headline = (
        f"Cannot tell: validation is at {seen}, the target at {target:.1%}, and the difference may be chance; "
        f"{_more(facts.metrics.validation, target)}."
    )
    return headline, [
        by_hand(
            "Enlarge validation (split.fractions), or collect more images or groups, before you trust a difference this small."
        )
    ]


def _why(facts: Facts, seen: str) -> tuple[str, list[Action]]:
    """Headline and actions where the target is missed, and neither part of the miss is certain."""
    metrics, target = facts.metrics, facts.settings.target_accuracy
    found = [
        times_to_tell_from(metrics.train, 1 - target),
        times_to_tell_apart(metrics.validation, as_alike(metrics.train, metrics.validation)),
    ]
    both = (metrics.train, metrics.validation)
    times = None if any(map(_is_one_cluster, both)) else min(filter(None, found), default=None)
    copies = any(own.clusters < own.images for own in both)
    what = "groups or distinct pictures" if copies else "images"
    more = f"about {times} times as many train and validation {what}" if times else f"many more train and validation {what}"
    headline = (
        f"Cannot tell why validation misses the target of {target:.1%}: it is at {seen}, and neither bias nor variance is "
        f"certain; {more} would tell."
    )
    return headline, [by_hand(f"Collect more {what} for train and validation before you change the network.")]


def _is_one_cluster(own: Accuracy) -> bool:
    """Whether several images form one cluster: they do not show how clusters differ, so no number of them can be named."""
    return own.clusters == 1 < own.images


def _more(validation: Accuracy, target: float) -> str:
    """How many more images, or groups and pictures, it takes to tell the accuracy from the target."""
    if _is_one_cluster(validation):
        one = f"the {validation.images:,} validation images are one group or copies of one picture"
        return f"{one}, so other groups or pictures are needed"
    times = trials_to_decide(validation.accuracy, target) / validation.effective_images
    if times > MOST:
        return "they are too close for any number of images within reach"
    copies = validation.clusters < validation.images
    count = max(math.ceil((times - 1) * (validation.clusters if copies else validation.images)), 1)
    shown = round(count, 1 - math.floor(math.log10(count)))  # two digits: it is an estimate
    what = "group or distinct picture" if copies else "image"
    several = "groups or distinct pictures" if copies else "images"
    return f"about {shown:,} more {what if shown == 1 else several} would tell"
