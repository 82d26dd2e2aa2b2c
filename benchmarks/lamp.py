"""Paper under a lamp: `python -m benchmarks.lamp` prints the test accuracy with each way to make paper uniform.

3,000 and 1,000 digits of MNIST, dark ink on paper that is lit from one side, each image from another. The ink has
half of the light that falls on it. The network and all else is what `darkroom init` proposes, which leaves the paper as it is.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from benchmarks.newcomer import first_scores, given_split
from benchmarks.real_images import files_of, unpacked
from dataprep.core.rng import rng_for

METHODS = ("off", "threshold", "otsu", "sauvola", "clahe", "clahe and otsu")
"""Of `prepare.saturate`; clahe is `prepare.equalise`, with no threshold after it, or with Otsu's."""


def main() -> None:
    print("| paper | test accuracy |\n|---|---|")
    with unpacked("mnist") as source, TemporaryDirectory(prefix="darkroom-bench-") as folder:
        given_split(source, images := Path(folder) / "images")
        for path in files_of(images):
            light_from_one_side(path)
        for method in sys.argv[1:] or METHODS:
            chosen = {
                "augment.fill": 255,  # what most of them make of the paper
                "prepare.saturate.window_px": 15,
                "prepare.equalise": "clahe" if "clahe" in method else "off",
                "prepare.saturate.method": {"clahe": "off"}.get(method, method.removeprefix("clahe and ")),
            }
            scores = first_scores(Path(folder), project=method.replace(" ", "-"), values=chosen)
            print(f"| {method} | {scores['accuracy']:.3f} |", flush=True)


def light_from_one_side(path: Path) -> None:
    """Draws an image of light ink as dark ink on paper whose light falls from 250 to 70 gray levels across it."""
    ink = np.asarray(Image.open(path), dtype=np.float64) / 255
    rng = rng_for(0, "lamp", path.parent.name, path.name)
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.indices(ink.shape) / (max(ink.shape) - 1) - 0.5
    across = np.clip((np.cos(angle) * columns + np.sin(angle) * rows) / np.sqrt(2) + 0.5, 0, 1)
    light = 250 - 180 * across
    lit = light * (1 - 0.5 * ink) + rng.normal(0, 2, ink.shape)
    Image.fromarray(np.clip(np.rint(lit), 0, 255).astype(np.uint8)).save(path)


if __name__ == "__main__":
    main()
