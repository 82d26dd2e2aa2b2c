"""Images that come with the dependencies, so that the whole line runs before a user has any of their own.

`embedded:digits` are the 1,797 handwritten digits of scikit-learn (8 x 8 pixels, 17 gray levels, white ink on black;
E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998).
"""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from dataprep.errors import ParamsError

PREFIX = "embedded:"


def locate_source(source: str, embedded_folder: Path) -> Path:
    """The folder that `ingest.source` names; an embedded set is written out first where that was not done yet.

    Args:
        source: a folder, or `embedded:digits`.
        embedded_folder: where embedded sets are written.

    Raises:
        ParamsError: there is no embedded set of that name.
    """
    if not source.startswith(PREFIX):
        return Path(source).expanduser()
    name = source.removeprefix(PREFIX)
    if name != "digits":
        raise ParamsError(f"params.yaml: ingest.source must be a folder or 'embedded:digits'; got {source!r}. Use that")
    folder = embedded_folder / name
    if not folder.exists():
        _write_digits(folder)
    return folder


def _write_digits(folder: Path) -> None:
    """Writes `<label>/<number>.png`; the folder appears whole or not at all."""
    from sklearn.datasets import load_digits  # takes a second to import, needed once

    digits = load_digits()
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    levels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    for number, (image, label) in enumerate(zip(levels, digits.target, strict=True)):
        path = temporary / str(label) / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    temporary.rename(folder)
