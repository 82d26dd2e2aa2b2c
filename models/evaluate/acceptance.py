"""From which confidence on answers are accepted, so that a wanted part of the accepted ones is right.

By validation images, sorted by confidence: of the surest 1%, 2%, 3% ... how many are right, and the lower end of the 95%
interval of that, where images of a cluster count together. The threshold is found from the strict side: as long as the lower
end reaches the wanted precision, the next part is taken in, and the first that fails ends it. So one cannot land on a threshold
that is good by chance beyond one that is not (fixed sequence testing; A. Angelopoulos and others, Learn then Test, 2021).

    surest images   right   lower end      wanted 0.95
    1,000           1,000   0.996          accepted
    2,000           1,990   0.991          accepted
    3,000           2,840   0.939          the end: the threshold is the confidence of the 2,000th
    4,000           3,838   0.953          never asked
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataprep.core.confidence_intervals import estimate, wilson_interval

STEPS = 100
"""Parts into which the validation images are taken in, at most."""


@dataclass(frozen=True, slots=True)
class AcceptanceCurve:
    """Confidence against precision, the strictest threshold first.

    Attributes:
        threshold: (S,) the confidence of the least sure image that is accepted.
        images: (S,) how many validation images are accepted.
        independent: (S,) as how many independent ones they count if all are right.
        precision: (S,) part of them that is right.
        low: (S,) lower end of its 95% interval.
    """

    threshold: NDArray[np.float64]
    images: NDArray[np.int64]
    independent: NDArray[np.float64]
    precision: NDArray[np.float64]
    low: NDArray[np.float64]

    def threshold_for(self, precision: float) -> float | None:
        """The lowest confidence that is accepted; None where no part of the validation images is certain to be so precise.

        Args:
            precision: wanted part of right answers among the accepted ones, above 0 and below 1.
        """
        # Fewer images could not reach it though all were right. That depends on their number and not on what is right.
        possible = [place for place in range(len(self.low)) if wilson_interval(1.0, self.independent[place])[0] >= precision]
        found = None
        for place in possible:
            if self.low[place] < precision:
                break
            found = float(self.threshold[place])
        return found


def acceptance_curve(confidence: NDArray[np.float64], right: NDArray[np.bool_], clusters: NDArray[np.int64]) -> AcceptanceCurve:
    """Measures the curve on validation images.

    Args:
        confidence: (N,) of the predicted class.
        right: (N,) whether that is the true class.
        clusters: (N,) the cluster of each image.
    """
    order = np.argsort(-confidence, kind="stable")
    ends = np.unique(np.round(np.linspace(0, len(order), STEPS + 1)[1:]).astype(np.int64))
    ends = ends[ends > 0]
    # Images of one confidence are accepted together.
    sorted_confidence = -confidence[order]
    ends = np.unique(np.searchsorted(sorted_confidence, sorted_confidence[ends - 1], side="right"))
    seen = [estimate(right[order[:end]], clusters[order[:end]]) for end in ends]
    best = [estimate(np.ones(end, np.bool_), clusters[order[:end]]) for end in ends]
    return AcceptanceCurve(
        threshold=np.array([-sorted_confidence[end - 1] for end in ends]),
        images=ends,
        independent=np.array([own.effective_images for own in best]),
        precision=np.array([own.fraction for own in seen]),
        low=np.array([own.interval[0] for own in seen]),
    )
