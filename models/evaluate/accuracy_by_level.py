"""How accuracy falls as images differ more and more: turned, shifted, noisier, with thinner strokes."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated

from pydantic import AfterValidator

from dataprep.augment.apply import augment_images
from dataprep.augment.drawn_parameters import at_level, suited_operations
from dataprep.config.augment import OPERATIONS, AugmentConfig
from dataprep.core.artifacts import Count, Document, Fraction, Interval
from dataprep.core.errors import did_you_mean, shortened
from models.evaluate.image_facts import median_stroke_width
from models.evaluate.trial_images import Predict, Trials

SMALL: dict[str, tuple[float, ...]] = {
    "rotation": (-10.0, 10.0),  # degrees
    "shift": (-0.05, 0.05),  # of the width and of the height
    "zoom": (0.9, 1.1),
    "pen_width": (-0.2, 0.2),  # of the width of the strokes, at each edge
}
"""By operation of `augment`: what another writer, scanner or crop brings with it."""

LARGE: dict[str, tuple[float, ...]] = {
    "rotation": (-20.0, 20.0),
    "shift": (-0.1, 0.1),
    "zoom": (0.8, 1.2),
    "gaussian_blur": (0.5, 1.0),  # pixels
    "brightness": (-0.2, -0.1, 0.1, 0.2),  # of 255
    "contrast": (0.5, 0.75, 1.25),
    "noise": (10.0, 25.0, 50.0),  # gray levels
}
"""What shows where the network breaks, whether such images come or not."""


def _known(operation: str) -> str:
    if operation not in OPERATIONS:
        raise ValueError(f"{shortened(operation)} is no operation. {did_you_mean(operation, list(OPERATIONS))}")
    return operation


OperationName = Annotated[str, AfterValidator(_known)]


class UnderLevel(Document):
    """Accuracy under one operation at one level; the 95% interval counts what is independent."""

    operation: OperationName
    level: float  # in the unit of the operation's range; of pen_width in pixels
    small: bool  # new images may well be so
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
    ink = "dark" if trials.images.mean() > _MIDDLE else "light"
    own = augment.model_copy(update={"pen_width": augment.pen_width.model_copy(update={"ink": ink})})
    suited = suited_operations(trials.images.shape[3])
    under = []
    for small, levels in ((True, SMALL), (False, LARGE)):
        for operation, level in _in_units(levels, trials):
            if operation not in suited:
                continue
            settings = at_level(own, operation, level)
            found = trials.accuracy(predict, partial(augment_images, config=settings, epoch=0))
            under.append(
                UnderLevel(
                    operation=operation,
                    level=level,
                    small=small,
                    images=found.images,
                    accuracy=found.fraction,
                    accuracy_interval=found.interval,
                )
            )
    return sorted(under, key=lambda own: (own.operation, own.level))


def _in_units(levels: dict[str, tuple[float, ...]], trials: Trials) -> Iterator[tuple[str, float]]:
    """Each operation with each of its levels, that of pen_width in pixels; strokes that have no width are left out."""
    for operation, values in levels.items():
        if operation != "pen_width":
            yield from ((operation, value) for value in values)
        elif width := median_stroke_width(trials.images):
            yield from ((operation, round(value * width, 2)) for value in values)


_MIDDLE = 127
