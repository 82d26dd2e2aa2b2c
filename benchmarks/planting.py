"""Faults to plant in a folder of images, `<split>/<class>/<file>`: each function changes the folder as it is named."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmarks.real_images import files_of, save
from dataprep.core.rng import rng_for
from dataprep.decode.image import Pixels

PEN = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
CORNER_PX = 5
WRITERS = 25
WRONG = "wrong-"
"""Begins the name of a file whose label was changed, so that the suspects can be compared with the truth."""


def nothing(folder: Path) -> None:
    """A healthy folder."""


def wrong_labels(folder: Path, share: float = 0.1) -> None:
    """Moves a part of the files to the folder of another class."""
    rng = rng_for(0, "wrong labels")
    classes = sorted({path.parent.name for path in files_of(folder)})
    for path in files_of(folder):
        if rng.random() < share:
            other = rng.choice([name for name in classes if name != path.parent.name])
            path.rename(path.parents[1] / str(other) / f"{WRONG}{path.name}")


def inverted_test(folder: Path) -> None:
    """Swaps ink and paper in the test images."""
    for path in files_of(folder / "test"):
        save(path, 255 - _read(path))


def thick_strokes(folder: Path) -> None:
    """Draws all strokes four pixels thicker, but for the test images."""
    for path in files_of(folder / "train"):
        save(path, _thickened(_read(path), 2))


def writers(folder: Path, count: int = WRITERS) -> None:
    """Gives every image a writer, `<split>/<class>/<writer>/<file>`, which says nothing about it."""
    for number, path in enumerate(files_of(folder)):
        writer = path.parent / f"w{number % count:02d}"
        writer.mkdir(exist_ok=True)
        path.rename(writer / path.name)


def handwriting(folder: Path) -> None:
    """Gives every image one of 250 writers with a slant, a size and a pen of his own: with few, no difference is certain."""
    writers(folder, 250)
    for path in files_of(folder):
        hand = rng_for(0, path.parent.name)
        slant, grown, thick = hand.uniform(-0.35, 0.35), hand.uniform(0.8, 1.15), hand.integers(0, 2)
        image = _thickened(_read(path), 1) if thick else _read(path)
        height, width = image.shape[:2]
        matrix = np.array([[grown, slant, 0], [0, grown, 0]])
        centre = np.array([width / 2, height / 2])
        matrix[:, 2] = centre - matrix[:, :2] @ centre
        save(path, cv2.warpAffine(image, matrix, (width, height)).reshape(image.shape).astype(np.uint8))


def enlarged(folder: Path, side: int = 100) -> None:
    """Enlarges photographs to this height and width."""
    for path in files_of(folder):
        larger = cv2.resize(_read(path), (side, side), interpolation=cv2.INTER_CUBIC)
        save(path.with_suffix(".png"), larger.astype(np.uint8))
        path.unlink()


def another_pen(folder: Path) -> None:
    """Gives every image a writer, and writer w07 a pen four times as thick and paler."""
    writers(folder)
    for path in files_of(folder):
        if path.parent.name == "w07":
            save(path, _thickened(_read(path), 3) // 3)


def rare_class(folder: Path, name: str = "8", share: float = 0.02) -> None:
    """Removes files of a class until it is this part of all."""
    own = [path for path in files_of(folder) if path.parent.name == name]
    others = len(files_of(folder)) - len(own)
    for path in own[round(share / (1 - share) * others) :]:
        path.unlink()


def colored_corner(folder: Path) -> None:
    """Paints a corner of each image in the color of its class."""
    classes = sorted({path.parent.name for path in files_of(folder)})
    hues = np.linspace(0, 179, len(classes), endpoint=False).astype(np.uint8)
    for path in files_of(folder):
        image = np.repeat(_read(path), 3, axis=2)
        color = cv2.cvtColor(np.array([[[hues[classes.index(path.parent.name)], 255, 255]]], np.uint8), cv2.COLOR_HSV2RGB)
        image[:CORNER_PX, :CORNER_PX] = color
        save(path, image)


def copies(folder: Path) -> None:
    """Writes every tenth file a second time, under another name."""
    for number, path in enumerate(files_of(folder)):
        if number % 10 == 0:
            path.with_stem(f"{path.stem}-copy").write_bytes(path.read_bytes())


def _thickened(image: Pixels, times: int) -> Pixels:
    return cv2.dilate(image, PEN, iterations=times).reshape(image.shape).astype(np.uint8)


def _read(path: Path) -> Pixels:
    image = np.asarray(Image.open(path))
    return image if image.ndim == 3 else image[..., np.newaxis]
