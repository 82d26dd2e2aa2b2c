"""A newcomer's first report on six made-up folders: `python -m benchmarks.newcomer [--by-hand] [NAME ...]`.

For each folder `darkroom init --yes` and `dvc repro`, with no edit of params.yaml. With `--by-hand` the values of `BY_HAND`
are set first, as somebody would who has looked at the images, knows the recipes and takes more time. Digits are MNIST and
photographs CIFAR-10, enlarged where they stand for larger ones; scans and signs are drawn. A table says what was proposed,
the test accuracy and the time.
"""

import csv
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks.real_images import files_of, unpacked
from dataprep.core.rng import rng_for
from dataprep.decode.image import Pixels
from dataprep.draw.handwriting import write_scans
from pipelines.parameters.params import read_params
from tests.end_to_end.conftest import ENVIRONMENT, Project

LABELS = "labels.csv"


def writer_scans(_: Path, root: Path) -> None:
    """24 writers, `<writer>/<digit>/<n>.jpg`: dark ink on grainy paper, sides 95 to 100 px."""
    write_scans(root, writers=24, samples=4, sides=(95, 100))


def two_classes(source: Path, root: Path) -> None:
    """`cat/<n>.jpg`, `dog/<n>.jpg`: 350 photographs each, of several shapes, sides 180 to 320 px."""
    for name in ("cat", "dog"):
        for path in _some(source / "train" / name, 350):
            rng = rng_for(0, "photo", path.name, name)
            side = (int(rng.integers(180, 321)), int(rng.integers(180, 321)))
            _save(root / name / path.name, cv2.resize(_read(path), side, interpolation=cv2.INTER_CUBIC))


def labelled_by_table(source: Path, root: Path) -> None:
    """`images/<id>.jpg` and a table with the columns id, species and station: 1,500 photographs of 5 classes."""
    rows = []
    for name in ("bird", "deer", "frog", "horse", "ship"):
        for path in _some(source / "train" / name, 300):
            rng = rng_for(0, "table", path.name, name)
            rows.append((f"{int(rng.integers(2**40)):010x}", name, f"s{int(rng.integers(12))}"))
            (root / "images").mkdir(parents=True, exist_ok=True)
            shutil.copy(path, root / f"images/{rows[-1][0]}.jpg")
    with (root / LABELS).open("w", newline="") as file:
        csv.writer(file).writerows([("id", "species", "station"), *sorted(rows)])


def given_split(source: Path, root: Path) -> None:
    """`train/<digit>/<n>.png` and `test/<digit>/<n>.png`: 3,000 and 1,000 digits."""
    for split, count in (("train", 300), ("test", 100)):
        for digit in range(10):
            for path in _some(source / split / str(digit), count):
                (root / split / str(digit)).mkdir(parents=True, exist_ok=True)
                shutil.copy(path, root / split / str(digit) / path.name)


def hundred_classes(_: Path, root: Path) -> None:
    """`sign_<n>/<n>.png`: 100 drawn signs of 3 strokes, 20 images each, 64 x 64 px."""
    for sign in range(100):
        strokes = rng_for(0, "sign", sign).uniform(0.15, 0.85, (3, 3, 2))
        for sample in range(20):
            rng = rng_for(0, "sign", sign, sample)
            _save(root / f"sign_{sign:02d}/{sample:02d}.png", _sign(strokes + rng.normal(0, 0.025, strokes.shape)))


def messy_download(source: Path, root: Path) -> None:
    """`vehicles/<class>/<n>.JPG` and `.jpg`, with `__MACOSX`, thumbnails, notes, an empty file and a copy of itself."""
    inner = root / "vehicles"
    for name in ("Airplane", "Automobile", "Ship", "Truck"):
        (inner / name).mkdir(parents=True)
        for number, path in enumerate(_some(source / "train" / name.lower(), 250)):
            shutil.copy(path, inner / name / f"{path.stem}{'.JPG' if number % 3 else '.jpg'}")
            shadow = root / "__MACOSX/vehicles" / name / f"._{path.stem}.jpg"
            shadow.parent.mkdir(parents=True, exist_ok=True)
            shadow.write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X")
        (inner / name / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    shutil.copytree(inner, root / "copy/vehicles")
    (root / "copy/vehicles").rename(inner / "vehicles")
    (root / "copy").rmdir()
    (inner / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (inner / "README.txt").write_text("Downloaded.\n")
    (inner / "Ship/broken.jpg").write_bytes(b"")


FOLDERS: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
    "writer scans": ("mnist", writer_scans),
    "two classes": ("cifar", two_classes),
    "table": ("cifar", labelled_by_table),
    "given split": ("mnist", given_split),
    "100 classes": ("mnist", hundred_classes),
    "messy": ("cifar", messy_download),
}


PEN: dict[str, object] = {"augment.elastic.probability": 0.5, "augment.pen_width.probability": 0.3}
"""Besides what is proposed for drawings: pens and hands differ."""

FINE_TUNED: dict[str, object] = {
    "model.network.fine_tune": {"layers": 20, "epochs": 5, "learning_rate": 0.0001},
    "model.network.varied_copies": 4,
}
"""As in recipe transfer-photos, with more variations."""

BY_HAND: dict[str, dict[str, object]] = {
    "writer scans": {**PEN, "augment.shear.probability": 0.7, "prepare.image_size": [48, 48], "train.epochs": 100},
    "two classes": FINE_TUNED,
    "table": {**FINE_TUNED, "model.network.image_side": 224},
    "given split": {**PEN, "augment.shear.probability": 0.5, "train.epochs": 100},
    "100 classes": {"augment.rotation.probability": 0.3, "augment.shear.probability": 0.0},
    "messy": {**FINE_TUNED, "model.network.image_side": 224},
}
"""Keys of params.yaml by folder; all else is what `init` proposes."""


def main() -> None:
    by_hand = "--by-hand" in sys.argv
    names = [name for name in sys.argv[1:] if name != "--by-hand"] or list(FOLDERS)
    print("| folder | images | proposed | test accuracy | always the largest class | minutes |\n|---|---|---|---|---|---|")
    for name in names:
        archive, make = FOLDERS[name]
        with unpacked(archive) as source, TemporaryDirectory(prefix="darkroom-bench-") as folder:
            make(source, Path(folder) / "images")
            print(first_report(name, Path(folder), BY_HAND[name] if by_hand else None), flush=True)


def first_report(name: str, folder: Path, values: Mapping[str, object] | None) -> str:
    """Makes a project of `images/` in a folder and runs it; a row of the table."""
    began = time.monotonic()
    scores = first_scores(folder, values=values)
    minutes = (time.monotonic() - began) / 60
    project = folder / "project"
    params = read_params(project / "params.yaml")
    images = sum(json.loads((project / "data/split.json").read_text())["images"].values())
    height, width = params.prepare.image_size
    proposed = f"{height} x {width} {params.prepare.color}, {params.model.network.kind}, {params.split.method}"
    return (
        f"| {name} | {images:,} | {proposed} | {scores['accuracy']:.3f} | {scores['majority_accuracy']:.3f} | {minutes:.1f} |"
    )


def first_scores(folder: Path, project: str = "project", values: Mapping[str, object] | None = None) -> dict[str, float]:
    """Makes a project of `images/` in a folder and runs it; what metrics.json says of the test images.

    Args:
        folder: where images and project lie.
        project: name of its folder.
        values: keys of params.yaml to set before it runs; as a rule none.
    """
    table, root = folder / "images" / LABELS, folder / project
    labels = ["--labels", str(table)] if table.exists() else []
    _run(["darkroom", "init", "images", project, "--yes", *labels], folder)
    if values:
        Project(root).set(values)
    _run(["dvc", "repro"], root)
    if not (root / "reports/index.html").is_file():
        sys.exit(f"error: {root} ends without a report")
    scores: dict[str, float] = json.loads((root / "reports/metrics.json").read_text())["test"]
    return scores


def _run(command: Sequence[str], folder: Path) -> None:
    ended = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(f"error: {' '.join(command)}\n{re.sub(r'^', '  ', ended.stdout + ended.stderr, flags=re.MULTILINE)}")


def _some(folder: Path, count: int) -> list[Path]:
    files = files_of(folder)
    return [files[number] for number in sorted(rng_for(0, "some", folder.name).choice(len(files), count, replace=False))]


def _read(path: Path) -> Pixels:
    return np.asarray(Image.open(path))


def _save(path: Path, image: NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(np.rint(image), 0, 255).astype(np.uint8)).save(path)


def _sign(strokes: NDArray[np.float64]) -> Pixels:
    canvas = Image.new("L", (256, 256), 255)
    for stroke in strokes:
        ImageDraw.Draw(canvas).line([(x * 256, y * 256) for x, y in stroke], fill=20, width=14, joint="curve")
    return np.asarray(canvas.resize((64, 64), Image.Resampling.BOX))


if __name__ == "__main__":
    main()
