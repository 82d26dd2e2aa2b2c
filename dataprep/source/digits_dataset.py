"""The embedded images, which come with the dependencies, so that all stages run before a user has own images.

`embedded:digits` are the 1,797 handwritten digits of scikit-learn (8 x 8 pixels, 17 gray levels, white ink on black;
E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998).
"""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image


def write_digits(folder: Path) -> None:
    """Writes `<label>/<number>.png`; the folder appears whole or not at all."""
    from sklearn.datasets import load_digits  # takes a second to import, and is needed once

    digits = load_digits()
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    levels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    try:
        for number, (image, label) in enumerate(zip(levels, digits.target, strict=True)):
            path = temporary / str(label) / f"{number:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
