"""Whether planted bad images are found, and good ones left alone: `python -m benchmarks.quality`.

50 images each are darkened, blurred, made constant, overlaid with noise, and cut to an odd aspect, and put among all images of
MNIST and of CIFAR-10. Precision counts every other image that the issue flags as wrong, planted for another issue or not.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import polars as pl

from benchmarks.ingest_stage import Stage
from benchmarks.real_images import read_some, save, unpacked
from dataprep.core.rng import rng_for
from dataprep.decode.image import Pixels
from dataprep.ingest.quality import ISSUES
from dataprep.store.manifest import usable

COUNT = 50


def _darken(image: Pixels, _rng: np.random.Generator) -> Pixels:
    return (image * 0.15).astype(np.uint8)


def _blur(image: Pixels, _rng: np.random.Generator) -> Pixels:
    return cv2.GaussianBlur(image, (0, 0), 2.0).reshape(image.shape).astype(np.uint8)


def _constant(image: Pixels, rng: np.random.Generator) -> Pixels:
    return np.full_like(image, rng.integers(0, 256))


def _noisy(image: Pixels, rng: np.random.Generator) -> Pixels:
    return (image + rng.normal(0, 50, image.shape)).clip(0, 255).astype(np.uint8)


def _narrow(image: Pixels, _rng: np.random.Generator) -> Pixels:
    third = image.shape[1] // 3
    return image[:, third : 2 * third]


PLANTED: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "dark": _darken,
    "blurred": _blur,
    "constant": _constant,
    "noisy": _noisy,
    "odd_aspect": _narrow,
}


def main() -> None:
    print(f"{'':<8}{'issue':<17}{'planted':>8}{'recall':>8}{'precision':>11}{'of the real images':>20}")
    for name in ("mnist", "cifar"):
        with unpacked(name) as source, TemporaryDirectory() as folder:
            rng = rng_for(0, "plant", name)
            for issue, spoil in PLANTED.items():
                for number, (path, image) in enumerate(read_some(source / "train", COUNT, rng)):
                    save(source / "train" / Path(path).parent / f"planted-{issue}-{number}.png", spoil(image, rng))
            stage = Stage(Path(folder), source, pattern="{split}/{label}/{name}")
            stage.run()
            _report(name, stage.manifest)


def _report(name: str, manifest: pl.DataFrame) -> None:
    real = ~pl.col("id").str.contains("/planted-")
    flagged: dict[str, pl.DataFrame] = {
        issue: usable(manifest).filter(pl.col("issues").list.contains(issue)) for issue in ISSUES
    }
    flagged["constant"] = manifest.filter(pl.col("reason") == "constant")
    num_real = manifest.filter(real).height
    for issue, rows in flagged.items():
        share = f"{rows.filter(real).height:,} ({rows.filter(real).height / num_real:.3%})"
        if issue in PLANTED:
            hits = rows.filter(pl.col("id").str.contains(f"/planted-{issue}-")).height
            print(f"{name:<8}{issue:<17}{COUNT:>8}{hits / COUNT:>8.2f}{hits / max(rows.height, 1):>11.2f}{share:>20}")
        else:
            print(f"{name:<8}{issue:<17}{'':>8}{'':>8}{'':>11}{share:>20}")


if __name__ == "__main__":
    main()
