"""What each prepared image looks like in a few figures, by which unlike images and systematic errors are found."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import polars as pl
from numpy.typing import NDArray
from skimage.morphology import skeletonize

from dataprep.core.artifacts import TableFormat, read_table
from dataprep.core.column_constraints import NO_CONTROLS, Values
from dataprep.core.errors import ArtifactError
from dataprep.decode.image import Pixels
from dataprep.ingest.quality import measure, measured_copy

_MEASURES = ("brightness", "contrast", "sharpness", "ink_fraction")

FACTS = (*_MEASURES, "stroke_width")
"""Of an image as it is prepared; the first four as in the manifest (`dataprep.ingest.quality`).

stroke_width: in pixels, twice the mean distance of the centre lines of the strokes to their edges; missing for images in color
and where there is no stroke.
"""

FIGURES = (*FACTS, "brightest", "darkest")
"""`FACTS`, and the gray levels that 1% and 95% of the pixels reach: what says whether an image is usual (`usual_facts`)."""

IMAGE_FACTS = TableFormat(
    kind="image facts",
    version=1,
    columns={"id": pl.String(), **dict.fromkeys(FACTS, pl.Float32())},
    stage="evaluate",
    values={
        "id": Values(pattern=NO_CONTROLS, ascending=True),
        "brightness": Values(least=0, most=255),
        "contrast": Values(least=0, most=255),
        "sharpness": Values(),
        "ink_fraction": Values(least=0, most=0.5),
        "stroke_width": Values(least=0, nullable=True),
    },
)


def measure_facts(images: Pixels, ids: list[str]) -> pl.DataFrame:
    """Measures prepared images.

    Args:
        images: (N, H, W, C) uint8.
        ids: of the N images.

    Returns:
        The rows of the table.
    """
    return facts_frame(ids, measure_figures(images))


def measure_figures(images: Pixels) -> NDArray[np.float64]:
    """The figures of prepared images (N, H, W, C): (N, F) in the order of `FIGURES`, nan where an image has no strokes."""
    copies = np.stack([measured_copy(image) for image in images])
    measured = measure(copies)
    strokes: Sequence[float | None] = stroke_widths(copies[..., 0]) if images.shape[3] == 1 else [None] * len(images)
    widths = np.array([np.nan if width is None else width for width in strokes])
    return np.stack([widths if name == "stroke_width" else measured[name] for name in FIGURES], axis=1)


def facts_frame(ids: list[str], figures: NDArray[np.float64]) -> pl.DataFrame:
    """The rows of the table.

    Args:
        ids: of N images.
        figures: (N, F) of the same, from `measure_figures`.
    """
    columns = {name: figures[:, FIGURES.index(name)].astype(np.float32) for name in FACTS}
    return pl.DataFrame({"id": ids, **columns}, schema=IMAGE_FACTS.columns).with_columns(pl.col("stroke_width").fill_nan(None))


def read_facts(path: Path, predictions: pl.DataFrame) -> pl.DataFrame:
    """Reads the facts of the images that were predicted.

    Args:
        path: the file.
        predictions: the table of predictions, by id.

    Raises:
        ArtifactError: also where the facts are of other images.
    """
    return of_same_images(read_table(path, IMAGE_FACTS), path, predictions)


def of_same_images(rows: pl.DataFrame, path: Path, predictions: pl.DataFrame) -> pl.DataFrame:
    """Passes on rows of the images that were predicted, in their order.

    Raises:
        ArtifactError: they are of other images.
    """
    if not rows["id"].equals(predictions["id"]):
        raise ArtifactError(
            f"{path} must hold the {predictions.height:,} images that were predicted; it holds {rows.height:,} others. "
            "Run: dvc repro evaluate"
        )
    return rows


def median_stroke_width(images: Pixels) -> float | None:
    """The median width of strokes, in pixels; None of images in color, and where none has strokes."""
    if images.shape[3] != 1:
        return None
    widths = [width for width in stroke_widths(images[..., 0]) if width is not None]
    return float(np.median(widths)) if widths else None


def stroke_widths(gray: NDArray[np.uint8]) -> list[float | None]:
    """The width of the strokes of each of N images (N, H, W), whichever of ink and paper is darker.

    Twice the mean distance to the edge on the skeleton (T. Y. Zhang, C. Y. Suen, 1984). On handwritten digits it correlates at
    0.9 with the same mean on the medial axis, which takes eight times as long and has a branch for each bump of an edge.
    """
    return [_stroke_width(image) for image in gray]


def _stroke_width(image: NDArray[np.uint8]) -> float | None:
    _, light = cv2.threshold(image, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    ink = light if 2 * int(light.sum()) <= light.size else 1 - light
    ink = cv2.copyMakeBorder(ink, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)  # the border of the image is an edge
    skeleton = skeletonize(ink)
    if not skeleton.any():
        return None
    return float(2 * cv2.distanceTransform(ink, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[skeleton].mean())
