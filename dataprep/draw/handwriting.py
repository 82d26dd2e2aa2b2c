"""Made-up handwriting, by writer: digits as a pen draws them, and scans of them on grainy paper.

Every writer has a slant, a width, a pen and a shape of his own for each digit; what he writes twice differs by a tremble. So
a network, or a nearest neighbour, that has seen a writer knows his digits, and a new writer's digits are another matter.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dataprep.core.rng import rng_for
from dataprep.decode.image import Pixels

SIZE_PX = 28
_OVERSAMPLED = 4

# Corners of the pen's way for each digit, (x, y) in [0, 1], y down.
_STROKES: dict[int, list[tuple[float, float]]] = {
    0: [(0.5, 0.1), (0.2, 0.3), (0.2, 0.7), (0.5, 0.9), (0.8, 0.7), (0.8, 0.3), (0.5, 0.1)],
    1: [(0.3, 0.3), (0.55, 0.1), (0.55, 0.5), (0.55, 0.9)],
    2: [(0.2, 0.3), (0.4, 0.1), (0.75, 0.2), (0.7, 0.5), (0.2, 0.9), (0.8, 0.9)],
    3: [(0.25, 0.15), (0.7, 0.15), (0.7, 0.4), (0.45, 0.5), (0.75, 0.6), (0.7, 0.85), (0.25, 0.85)],
    4: [(0.6, 0.9), (0.6, 0.1), (0.2, 0.6), (0.85, 0.6)],
    5: [(0.75, 0.1), (0.3, 0.1), (0.28, 0.45), (0.65, 0.45), (0.75, 0.7), (0.5, 0.9), (0.2, 0.8)],
    6: [(0.7, 0.1), (0.35, 0.35), (0.22, 0.7), (0.5, 0.9), (0.75, 0.7), (0.5, 0.52), (0.25, 0.68)],
    7: [(0.2, 0.12), (0.8, 0.12), (0.55, 0.5), (0.4, 0.9)],
    8: [(0.5, 0.5), (0.25, 0.3), (0.5, 0.1), (0.75, 0.3), (0.5, 0.5), (0.22, 0.7), (0.5, 0.9), (0.78, 0.7), (0.5, 0.5)],
    9: [(0.75, 0.35), (0.5, 0.5), (0.25, 0.3), (0.5, 0.1), (0.75, 0.3), (0.7, 0.6), (0.55, 0.9)],
}


def write_scans(root: Path, *, writers: int, samples: int, sides: tuple[int, int]) -> int:
    """Writes `<writer>/<digit>/<number>.jpg`, the same pixels each time; says how many.

    Args:
        root: a folder, there or not.
        writers: how many.
        samples: of each digit of each writer.
        sides: smallest and largest height and width, pixels.
    """
    for writer in range(writers):
        for digit in range(10):
            folder = root / f"writer{writer:02d}/{digit}"
            folder.mkdir(parents=True, exist_ok=True)
            for sample in range(samples):
                Image.fromarray(draw_scan(writer, digit, sample, sides)).save(folder / f"{sample}.jpg")
    return writers * 10 * samples


def draw_scan(writer: int, digit: int, sample: int, sides: tuple[int, int]) -> Pixels:
    """Draws one digit in dark ink on grainy paper, (H, W) uint8, its sides between those asked for, pixels."""
    rng = rng_for(0, "scan", writer, digit, sample)
    least, most = sides
    side = (int(rng.integers(least, most + 1)), int(rng.integers(least, most + 1)))
    ink = cv2.resize(draw_digit(writer, digit, sample)[:, :, 0], side, interpolation=cv2.INTER_CUBIC)
    paper = 235 - 0.75 * ink.astype(np.float64) + rng.normal(0, 4, ink.shape)
    scan: Pixels = np.clip(np.rint(paper), 0, 255).astype(np.uint8)
    return scan


def draw_digit(writer: int, digit: int, sample: int) -> Pixels:
    """Draws one digit, light on dark, (28, 28, 1) uint8."""
    hand = rng_for(0, "writer", writer)
    slant, width, pen = hand.uniform(-0.45, 0.45), hand.uniform(0.6, 1.05), hand.uniform(1.2, 3.4)
    shape = np.array(_STROKES[digit])
    shape = shape + rng_for(0, "shape", writer, digit).normal(0, 0.085, shape.shape)
    shape = shape + rng_for(0, "tremble", writer, digit, sample).normal(0, 0.012, shape.shape)
    centred = shape - 0.5
    x = centred[:, 0] * width - slant * centred[:, 1]
    points = np.clip(np.stack([x, centred[:, 1]], axis=1) + 0.5, 0.02, 0.98)
    return _draw(points, pen)


def _draw(points: NDArray[np.float64], pen: float) -> Pixels:
    side = SIZE_PX * _OVERSAMPLED
    canvas = Image.new("L", (side, side), 0)
    way = [(float(x), float(y)) for x, y in points * side]
    ImageDraw.Draw(canvas).line(way, fill=255, width=round(pen * _OVERSAMPLED), joint="curve")
    return np.asarray(canvas.resize((SIZE_PX, SIZE_PX), Image.Resampling.BOX))[:, :, np.newaxis]
