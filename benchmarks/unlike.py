"""Whether new images that are unlike the training images are called so: planted changes of MNIST's test digits, and CIFAR.

Run in a folder where the recipe mnist-cnn was run, so that artifacts/model.keras and artifacts/reference.npz are there:

    python -m benchmarks.unlike --cifar ../shared/data/cifar10-jpg.tar.gz

Each planted set is of the same test digits, decoded from their files, changed, and predicted as pixels.
"""

import tarfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image
from skimage.morphology import skeletonize

from dataprep.core.rng import rng_for
from dataprep.decode.image import Pixels
from models.predict.prediction import Prediction
from models.predict.predictor import Predictor
from pipelines.environment_variables import settle

_DARK = 0.3  # of each gray level
_INK = 100  # of 255: what is a stroke before it is thinned


def one_pixel_strokes(image: Pixels) -> Pixels:
    """The centre lines of light strokes on black, one pixel wide."""
    return np.where(skeletonize(image[:, :, 0] > _INK), 255, 0).astype(np.uint8)[:, :, np.newaxis]


def dark(image: Pixels) -> Pixels:
    """All gray levels at three tenths."""
    return (image * _DARK).astype(np.uint8)


PLANTED: Mapping[str, Callable[[Pixels], Pixels]] = {
    "strokes of one pixel": one_pixel_strokes,
    "inverted": lambda image: 255 - image,
    "dark": dark,
    "rotated by 90 degrees": lambda image: np.ascontiguousarray(np.rot90(image)),
    "rotated by -90 degrees": lambda image: np.ascontiguousarray(np.rot90(image, -1)),
}


def main(
    cifar: Annotated[Path, typer.Option(help="cifar10-jpg.tar.gz.")],
    model: Annotated[Path, typer.Option(help="With reference.npz beside it.")] = Path("artifacts/model.keras"),
    digits: Annotated[Path, typer.Option(help="The folder of MNIST's test files.")] = Path("raw/mnist/test"),
    count: Annotated[int, typer.Option(help="Images of each planted set.")] = 2000,
) -> None:
    settle()
    predictor = Predictor.load(model)
    files = sorted(digits.rglob("*.png"))
    chosen = [files[place] for place in rng_for(0, "unlike").choice(len(files), min(count, len(files)), replace=False)]
    images = [np.asarray(Image.open(file))[:, :, np.newaxis] for file in chosen]
    tell("MNIST's test set, unchanged", predictor.predict(files))
    for name, change in PLANTED.items():
        tell(name, predictor.predict([change(image) for image in images]), labels=[file.parent.name for file in chosen])
    tell("CIFAR", predictor.predict(read_cifar(cifar, count)))


def read_cifar(path: Path, count: int) -> list[bytes]:
    """Some test files of the archive."""
    with tarfile.open(path) as archive:
        members = sorted(
            (own for own in archive.getmembers() if own.isfile() and "test/" in own.name), key=lambda own: own.name
        )
        places = set(rng_for(0, "cifar").choice(len(members), min(count, len(members)), replace=False).tolist())
        kept = [member for place, member in enumerate(members) if place in places]
        return [file.read() for member in kept if (file := archive.extractfile(member)) is not None]


def tell(name: str, found: list[Prediction], labels: list[str] | None = None) -> None:
    """Prints how many are called unlike, and why."""
    usable = [own for own in found if own.refused is None]
    flagged = [own for own in usable if own.unlike]
    kinds = Counter(reason.split(" than ")[0].split(" of the training")[0] for own in flagged for reason in own.unlike or ())
    reasons = ", ".join(f"{kind} {number / max(len(usable), 1):.3f}" for kind, number in kinds.most_common(5))
    print(f"{name}: {len(flagged) / max(len(usable), 1):.4f} of {len(usable):,} called unlike ({reasons})")
    if labels:
        missed = Counter(label for label, own in zip(labels, found, strict=True) if not own.unlike)
        print(f"  missed, by digit: {', '.join(f'{label} {number}' for label, number in sorted(missed.items())) or 'none'}")


if __name__ == "__main__":
    typer.run(main)
