"""What a changed data set costs: `python -m benchmarks.incremental`, 50,000 images, ingest to statistics.

Each line is one `dvc repro statistics`. Beside it stands what DVC and the starts of Python take alone, which do not depend on
the data: a dry run of DVC, and the imports of the stages that ran.
"""

import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from PIL import Image, ImageOps

from benchmarks.real_images import files_of, grainy, unpacked
from dataprep.core.rng import rng_for
from tests.end_to_end.conftest import Project, copy_project

VALUES = {
    "ingest.pattern": "{label}/{name}",
    "split.method": "hash",
    "prepare.image_size": [32, 32],
    "prepare.color": "rgb",
}


def main() -> None:
    with unpacked("cifar") as folder, TemporaryDirectory(prefix="darkroom-bench-") as temporary:
        show("CIFAR-10", folder / "train", Path(temporary) / "tiny")
        enlarged = Path(temporary) / "enlarged"
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as executor:
            list(executor.map(partial(enlarge, folder / "train", enlarged), files_of(folder / "train"), chunksize=500))
        show("the same at 400 x 300 with grain", enlarged, Path(temporary) / "larger")


def enlarge(source: Path, target: Path, path: Path) -> None:
    """Writes a picture of the size that a scanned form or a picture on a web page has."""
    image = cv2.resize(np.asarray(Image.open(path).convert("RGB")), (400, 300), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    grain = grainy(image, 6.0, rng_for(0, str(path.relative_to(source))))
    enlarged = target / path.relative_to(source)
    enlarged.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grain).save(enlarged, quality=90)


def show(name: str, source: Path, root: Path) -> None:
    """Makes a project and one change after the other."""
    images = files_of(source)
    project = copy_project(root)
    project.set({"ingest.source": str(source), **VALUES})
    (project.root / "dvc.lock").unlink()
    first = images[0]
    megabytes = sum(path.stat().st_size for path in images) / 1e6
    print(f"\n{name}: {len(images):,} images, {megabytes:,.0f} MB, ingest to statistics with dvc repro")
    print("                seconds  of scratch  beyond starts  of scratch  files read  shards written  stages run")
    changes: list[tuple[str, Callable[[], object]]] = [
        ("from scratch", lambda: None),
        ("unchanged", lambda: None),
        ("one added", lambda: mirror(first, first.with_name("added.jpg"))),
        ("one changed", lambda: mirror(images[1], first.with_name("added.jpg"))),
        ("one removed", lambda: first.with_name("added.jpg").unlink()),
    ]
    scratch = scratch_beyond = 0.0
    for change_name, change in changes:
        change()
        seconds, beyond, output = measured(project)
        scratch, scratch_beyond = scratch or seconds, scratch_beyond or beyond
        read, written = re.search(r"\(([\d,]+) read", output), re.search(r"\(([\d,]+) written", output)
        ran = " ".join(re.findall(r"Running stage '(\w+)'", output))
        print(
            f"{change_name:<14} {seconds:>8.1f} {seconds / scratch:>11.1%} {beyond:>14.1f} {beyond / scratch_beyond:>11.1%} "
            f"{read[1] if read else '-':>11} {written[1] if written else '0':>15}  {ran}",
            flush=True,
        )


def mirror(path: Path, target: Path) -> None:
    """Writes a picture that is not there yet, of the same class."""
    ImageOps.mirror(Image.open(path)).save(target, quality=90)


def measured(project: Project) -> tuple[float, float, str]:
    """Seconds of one run, seconds beyond the starts, and what was printed."""
    start = time.perf_counter()
    output = project.repro("statistics").output
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    project.repro("--dry", "statistics")
    for stage in re.findall(r"Running stage '(\w+)'", output):
        project.run(sys.executable, "-c", f"import pipelines.stages.{stage}")
    return seconds, seconds - (time.perf_counter() - start), output


if __name__ == "__main__":
    main()
