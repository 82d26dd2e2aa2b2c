"""The real images that benchmarks run on: MNIST and CIFAR-10 as files, from the folder that DARKROOM_DATA names."""

import os
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from dataprep.decode.image import Pixels

ARCHIVES = {"mnist": "mnist-png.tar.gz", "cifar": "cifar10-jpg.tar.gz"}


@contextmanager
def unpacked(name: str) -> Iterator[Path]:
    """A folder `<split>/<class>/<file>` of a set, for as long as it is needed."""
    data = Path(os.environ.get("DARKROOM_DATA", Path(__file__).parents[2] / "shared/data"))
    archive = data / ARCHIVES[name]
    if not archive.is_file():
        sys.exit(f"error: {archive} is missing. Name the folder of {' and '.join(ARCHIVES.values())} in DARKROOM_DATA")
    with TemporaryDirectory(prefix="darkroom-bench-") as folder:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        yield Path(folder) / name


def files_of(folder: Path) -> list[Path]:
    """The image files below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix in (".png", ".jpg"))


def read_some(folder: Path, count: int, rng: np.random.Generator) -> list[tuple[str, Pixels]]:
    """Draws images of a folder without replacement: relative path and pixels (H, W, C)."""
    files = files_of(folder)
    chosen = rng.choice(len(files), count, replace=False)
    pixels = [(files[number].relative_to(folder).as_posix(), np.asarray(Image.open(files[number]))) for number in chosen]
    return [(name, image if image.ndim == 3 else image[..., np.newaxis]) for name, image in pixels]


def grainy(image: Pixels, std: float, rng: np.random.Generator) -> Pixels:
    """Adds the grain of a camera: Gaussian noise of this standard deviation in gray levels."""
    return np.clip(np.rint(image + rng.normal(0, std, image.shape)), 0, 255).astype(np.uint8)


def save(path: Path, image: Pixels) -> None:
    """Writes pixels (H, W, C) as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(path)
