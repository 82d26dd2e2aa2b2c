"""How accuracy falls as images differ more and more: turned, shifted, noisier, with thinner strokes."""

from functools import partial
from typing import Annotated

from pydantic import AfterValidator

from dataprep.augment.apply import augment_images
from dataprep.augment.operations import at_level, suited_operations
from dataprep.config.augment import OPERATIONS, AugmentConfig
from dataprep.core.artifacts import Count, Document, Fraction, Interval
from dataprep.core.errors import did_you_mean, shortened
from models.evaluate.trials import Predict, Trials

LEVELS: dict[str, tuple[float, ...]] = {
    "rotation": (-20.0, -10.0, 10.0, 20.0),  # degrees
    "shift": (-0.1, -0.05, 0.05, 0.1),  # of the width and of the height
    "zoom": (0.8, 0.9, 1.1, 1.2),
    "pen_width": (-1.0, -0.5, 0.5, 1.0),  # pixels, thinner and thicker
    "gaussian_blur": (0.5, 1.0),  # pixels
    "brightness": (-0.2, -0.1, 0.1, 0.2),  # of 255
    "contrast": (0.5, 0.75, 1.25),
    "noise": (10.0, 25.0, 50.0),  # gray levels
}
"""By operation of `augment`, in the unit of its range."""


def _known(operation: str) -> str:
    if operation not in OPERATIONS:
        raise ValueError(f"{shortened(operation)} is no operation. {did_you_mean(operation, list(OPERATIONS))}")
    return operation


OperationName = Annotated[str, AfterValidator(_known)]


class UnderLevel(Document):
    """Accuracy under one operation at one level; the 95% interval counts what is independent."""

    operation: OperationName
    level: float
    images: Count
    accuracy: Fraction
    accuracy_interval: Interval


def measure_levels(predict: Predict, trials: Trials, augment: AugmentConfig) -> list[UnderLevel]:
    """Tries each operation alone at each of its levels, whatever its range in params.yaml.

    Args:
        predict: the network.
        trials: the images.
        augment: how uncovered pixels are filled, and the like. Ink is what fewer pixels are.
    """
    ink = "dark" if trials.images.mean() > 127 else "light"
    own = augment.model_copy(update={"pen_width": augment.pen_width.model_copy(update={"ink": ink})})
    suited = suited_operations(trials.images.shape[3])
    under = []
    for operation in LEVELS:
        for level in LEVELS[operation] if operation in suited else ():
            settings = at_level(own, operation, level)
            found = trials.accuracy(predict, partial(augment_images, config=settings, epoch=0))
            under.append(
                UnderLevel(
                    operation=operation,
                    level=level,
                    images=found.images,
                    accuracy=found.fraction,
                    accuracy_interval=found.interval,
                )
            )
    return under
