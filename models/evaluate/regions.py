"""What the network decides by: its accuracy where one region of the images is hidden, and where all but that is.

Hidden pixels show the mean of the images. A network that reads the object loses most where the centre is hidden; one that takes
a shortcut loses most where the border or a corner is, and reads these alone.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dataprep.core.artifacts import Document, Fraction, Interval
from dataprep.decode.image import Pixels
from models.evaluate.trial_images import Predict, Trials

Region = Literal["centre", "border", "top left corner", "top right corner", "bottom left corner", "bottom right corner"]

BORDER = 8
"""The border is this part of the height and width on each side, at least a pixel; a corner twice as much."""


class UnderRegion(Document):
    """Accuracy with one region hidden, and with this region alone shown; the 95% intervals count what is independent."""

    region: Region
    area: Fraction  # of the image
    hidden: Fraction
    hidden_interval: Interval
    alone: Fraction
    alone_interval: Interval


def measure_regions(predict: Predict, trials: Trials) -> list[UnderRegion]:
    """Hides each region, and all but each.

    Args:
        predict: the network.
        trials: the images.
    """
    mean = np.rint(trials.images.mean(axis=0, dtype=np.float64)).astype(np.uint8)
    found = []
    for region, mask in regions_of(*trials.images.shape[1:3]).items():
        hidden = trials.accuracy(predict, lambda images, _, mask=mask: _hide(images, mask, mean))  # type: ignore[misc]  # mypy takes no default in a lambda
        alone = trials.accuracy(predict, lambda images, _, mask=~mask: _hide(images, mask, mean))  # type: ignore[misc]
        found.append(
            UnderRegion(
                region=region,
                area=float(mask.mean()),
                hidden=hidden.fraction,
                hidden_interval=hidden.interval,
                alone=alone.fraction,
                alone_interval=alone.interval,
            )
        )
    return found


def regions_of(height: int, width: int) -> dict[Region, NDArray[np.bool_]]:
    """A mask (H, W) for each region.

    >>> {region: int(mask.sum()) for region, mask in regions_of(16, 16).items() if "right" not in region}
    {'centre': 64, 'border': 112, 'top left corner': 16, 'bottom left corner': 16}
    """
    rows, columns = np.indices((height, width))
    high, wide = max(height // BORDER, 1), max(width // BORDER, 1)
    top, bottom = rows < height // 4, rows >= height - height // 4
    left, right = columns < width // 4, columns >= width - width // 4
    outer = (rows < high) | (rows >= height - high) | (columns < wide) | (columns >= width - wide)
    inner_rows = (rows >= height // 4) & (rows < height - height // 4)
    return {
        "centre": inner_rows & (columns >= width // 4) & (columns < width - width // 4),
        "border": outer,
        "top left corner": top & left,
        "top right corner": top & right,
        "bottom left corner": bottom & left,
        "bottom right corner": bottom & right,
    }


def _hide(images: Pixels, mask: NDArray[np.bool_], mean: NDArray[np.uint8]) -> Pixels:
    return np.where(mask[..., np.newaxis], mean, images)
