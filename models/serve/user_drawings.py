"""Drawings: which pen and paper resemble the training images, and the file that a drawing becomes."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from dataprep.config.decode import Decoding
from dataprep.decode.image import Pixels, decode
from dataprep.survey.sample_looks import measure_look
from models.evaluate.image_facts import measure_facts

CANVAS_PX = 320
"""The longer side of what is drawn on."""
_MOST_CANVAS_PIXELS = 4 * CANVAS_PX * CANVAS_PX
_LARGEST_PX = 2048
_PEN_FRACTION = 1 / 12
"""Width of the pen to the canvas, where no training images are at hand."""


@dataclass(frozen=True, slots=True)
class Easel:
    """What one draws on and with.

    Attributes:
        height: of the file that a drawing becomes, in pixels.
        width: likewise.
        paper: gray level, 0 to 255.
        ink: likewise.
        pen_fraction: width of the pen to the longer side.
    """

    height: int
    width: int
    paper: int = 255
    ink: int = 0
    pen_fraction: float = _PEN_FRACTION

    @property
    def canvas(self) -> tuple[int, int]:
        """Height and width of what is drawn on, in the proportions of the file."""
        scale = CANVAS_PX / max(self.height, self.width)
        return max(1, round(self.height * scale)), max(1, round(self.width * scale))


def easel_like(images: Pixels | None, *, height: int, width: int, is_inverted: bool) -> Easel:
    """Paper, ink and pen of some training images; black on white where these are no drawings.

    Args:
        images: (N, H, W, C) uint8, prepared; None = none are at hand.
        height: of the file that a drawing becomes; that of most training files.
        width: likewise.
        is_inverted: whether preparation inverts images.
    """
    size = min(height, _LARGEST_PX), min(width, _LARGEST_PX)
    if images is None or not len(images):
        return Easel(*size)
    paper = round(float(np.median([measure_look(image)["background"] for image in images])))
    ink = 0 if paper > 127 else 255
    strokes = measure_facts(images, [str(number) for number in range(len(images))])["stroke_width"].median()
    pen = _PEN_FRACTION
    if isinstance(strokes, float):  # of soft edges, which a file's pixels add to a pen: half a pixel
        pen = strokes / max(images.shape[1:3]) - 0.5 / max(size)
    if is_inverted:
        paper, ink = 255 - paper, 255 - ink
    return Easel(*size, paper, ink, min(max(pen, 1 / CANVAS_PX), 0.25))


def file_of_drawing(canvas: bytes, easel: Easel) -> bytes:
    """A PNG of the size of the training files: each of its pixels is the mean of the area that it covers on the canvas.

    Args:
        canvas: a PNG.
        easel: says the size.

    Raises:
        Undecodable: it is no picture.
    """
    config = Decoding(max_pixels=_MOST_CANVAS_PIXELS, background=easel.paper, black_level="full", white_level="full", levels={})
    pixels = decode(canvas, config).pixels
    if pixels.shape[2] == 3 and all(np.array_equal(pixels[:, :, 0], pixels[:, :, other]) for other in (1, 2)):
        pixels = pixels[:, :, :1]
    enlarges = easel.height > pixels.shape[0] or easel.width > pixels.shape[1]
    drawn = cv2.resize(pixels, (easel.width, easel.height), interpolation=cv2.INTER_CUBIC if enlarges else cv2.INTER_AREA)
    buffer = io.BytesIO()
    Image.fromarray(drawn).save(buffer, format="PNG")  # without any metadata
    return buffer.getvalue()
