"""Whether one run is better than another: the difference of two accuracies, with its interval and an exact test.

Runs that answer the same images are compared image by image (McNemar). Only images count on which one is right and the other
wrong; what both know, or neither, cancels out:

    360 images; 4 went from wrong to right, 1 from right to wrong
    difference = (4 - 1) / 360 = 0.8 points
    test: of 5 images, 4 or more on one side, each side as likely as the other; p = 0.375

Images of one cluster change sides together. So the images that changed are divided by their design effect, as in
`dataprep.core.confidence_intervals`. Of several seeds each answer counts, and the answers to one image form a cluster.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import betainc

from dataprep.core.artifacts import Count, Document, Fraction
from dataprep.core.confidence_intervals import effective_trials, estimate
from models.diagnose.metrics import Accuracy
from models.diagnose.significance import chance_worse, difference_interval

Verdict: TypeAlias = Literal["helped", "no difference", "harmed"]

_NORMAL_95 = 1.959963984540054  # two-sided
_HAIR = 1e-9  # by which an interval may miss 0 without passing it


class Difference(Document):
    """Two accuracies on the same split, and how much larger the second is."""

    before: Fraction  # accuracy, of all seeds
    after: Fraction
    difference: Annotated[float, Field(ge=-1, le=1)]
    interval: tuple[float, float]  # 95%, of the difference
    p_value: Fraction  # of the exact test, two-sided
    paired: bool  # on the same images
    images: Count  # that both runs answered; where not paired, those of the second run
    seeds: Count  # trainings of each
    gained: Annotated[int | None, Field(ge=0)]  # answers from wrong to right; null where not paired
    lost: Annotated[int | None, Field(ge=0)]  # from right to wrong

    @property
    def verdict(self) -> Verdict:
        """What the whole interval says."""
        if self.interval[0] > _HAIR:
            return "helped"
        return "harmed" if self.interval[1] < -_HAIR else "no difference"


def compare_runs(before: Sequence[pl.DataFrame], after: Sequence[pl.DataFrame]) -> Difference:
    """Compares two runs on one split: image by image where all trainings answered the same images, else as two samples.

    Args:
        before: the answers to the images of the split, one table for each seed; id, cluster and right are read.
        after: as many of the other run; the first seed of one stands against the first of the other.
    """
    ids = before[0]["id"]
    if all(rows["id"].equals(ids) for rows in (*before, *after)):
        return _paired(before, after)
    return _unpaired(before, after)


def _paired(before: Sequence[pl.DataFrame], after: Sequence[pl.DataFrame]) -> Difference:
    first, second = (np.concatenate([rows["right"].to_numpy() for rows in run]) for run in (before, after))
    clusters = np.tile(before[0]["cluster"].to_numpy(), len(before))
    gained, lost = ~first & second, first & ~second
    effect = design_effect(gained, lost, clusters)
    changed = int(gained.sum()), int(lost.sum())
    return Difference(
        before=float(first.mean()),
        after=float(second.mean()),
        difference=(changed[0] - changed[1]) / len(clusters),
        interval=paired_interval(*changed, len(clusters), effect),
        p_value=mcnemar(*changed, effect),
        paired=True,
        images=before[0].height,
        seeds=len(before),
        gained=changed[0],
        lost=changed[1],
    )


def _unpaired(before: Sequence[pl.DataFrame], after: Sequence[pl.DataFrame]) -> Difference:
    first, second = _accuracy(before), _accuracy(after)
    worse = min(chance_worse(first, second), chance_worse(second, first))
    return Difference(
        before=first.accuracy,
        after=second.accuracy,
        difference=second.accuracy - first.accuracy,
        interval=difference_interval(second, first),
        p_value=min(2 * worse, 1.0),
        paired=False,
        images=after[0].height,
        seeds=len(before),
        gained=None,
        lost=None,
    )


def mcnemar(gained: int, lost: int, effect: float = 1.0) -> float:
    """Probability of a split of the changed answers that is at least as uneven, if both ways were as likely; two-sided.

    >>> mcnemar(4, 1), mcnemar(6, 0), mcnemar(60, 0, effect=60)
    (0.375, 0.03125, 1.0)

    Args:
        gained: answers from wrong to right.
        lost: answers from right to wrong.
        effect: by which the changed answers are worth fewer independent ones.

    Source: Q. McNemar, Note on the sampling error of the difference between correlated proportions, 1947; the exact form is
    the binomial test of the changed answers.
    """
    most, total = max(gained, lost) / effect, (gained + lost) / effect
    if total == 0 or gained == lost:
        return 1.0
    tail = float(betainc(most, total - most + 1, 0.5))  # of the binomial; also between whole numbers
    return min(2 * tail, 1.0)


def paired_interval(gained: int, lost: int, count: int, effect: float = 1.0) -> tuple[float, float]:
    """The 95% interval of the difference of two accuracies on the same images.

    >>> [round(end, 3) for end in paired_interval(4, 1, 360)], [round(end, 3) for end in paired_interval(20, 2, 360)]
    ([-0.006, 0.023], [0.024, 0.076])

    Args:
        gained: answers from wrong to right.
        lost: answers from right to wrong.
        count: of all answers.
        effect: by which they are worth fewer independent ones; infinite where nothing is independent.

    Source: D. G. Bonett, R. M. Price, Adjusted Wald confidence interval for a difference of binomial proportions based on
    paired data, Journal of Educational and Behavioral Statistics 37, 2012.
    """
    if math.isinf(effect):
        return -1.0, 1.0
    trials = count / effect + 2
    up, down = (gained / effect + 1) / trials, (lost / effect + 1) / trials
    half = _NORMAL_95 * math.sqrt((up + down - (up - down) ** 2) / trials)
    return max(up - down - half, -1.0), min(up - down + half, 1.0)


def design_effect(gained: NDArray[np.bool_], lost: NDArray[np.bool_], clusters: NDArray[Any]) -> float:
    """By how much the answers that changed are worth fewer independent ones.

    Where none changed, all images of a cluster are assumed to agree. Infinite where all images are one cluster.

    Args:
        gained: (N,) answers from wrong to right.
        lost: (N,) answers from right to wrong.
        clusters: (N,) the cluster of each image; any names.
    """
    _, numbers = np.unique(clusters, return_inverse=True)
    sizes = np.bincount(numbers)
    if len(sizes) == 1 < len(clusters):
        return math.inf
    changed = gained | lost
    if not changed.any():
        return len(clusters) / effective_trials(np.zeros(len(sizes)), sizes)
    changed_of = np.bincount(numbers[changed])
    some = changed_of > 0
    gained_of = np.bincount(numbers[changed], weights=gained[changed])
    return int(changed.sum()) / effective_trials(gained_of[some], changed_of[some])


def _accuracy(run: Sequence[pl.DataFrame]) -> Accuracy:
    """Of all seeds; the answers of several to one image are one cluster."""
    rows = pl.concat([own.select("right", "cluster") for own in run])
    found = estimate(rows["right"].to_numpy(), rows["cluster"].to_numpy())
    return Accuracy(
        images=found.images,
        clusters=found.clusters,
        effective_images=found.effective_images,
        accuracy=found.fraction,
        accuracy_interval=found.interval,
    )
