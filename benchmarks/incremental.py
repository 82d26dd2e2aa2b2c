"""What a changed data set costs: `python -m benchmarks.incremental`, 50,000 images of CIFAR-10, ingest to statistics.

Each line is one `dvc repro statistics`. Beside it stands what DVC and the starts of Python take alone, which do not depend on
the data: a dry run of DVC, and the imports of the stages that ran.
"""

import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.real_images import files_of, unpacked
from tests.end_to_end.conftest import Project, copy_project

VALUES = {
    "ingest.pattern": "{label}/{name}",
    "split.method": "hash",
    "prepare.image_size": [32, 32],
    "prepare.color": "rgb",
}


def main() -> None:
    with unpacked("cifar") as unpacked_folder, TemporaryDirectory(prefix="darkroom-bench-") as temporary:
        source = unpacked_folder / "train"
        images = files_of(source)
        project = copy_project(Path(temporary) / "project")
        project.set({"ingest.source": str(source), **VALUES})
        (project.root / "dvc.lock").unlink()
        first, *_, last = images
        print(f"{len(images):,} images, ingest to statistics with dvc repro")
        print("                seconds  beyond starts  of scratch  files read  shards written  stages run")
        changes: list[tuple[str, Callable[[], object]]] = [
            ("from scratch", lambda: None),
            ("unchanged", lambda: None),
            ("one added", lambda: shutil.copyfile(last, first.with_name("added.jpg"))),
            ("one changed", lambda: shutil.copyfile(images[len(images) // 2], first.with_name("added.jpg"))),
            ("one removed", lambda: first.with_name("added.jpg").unlink()),
        ]
        scratch = 0.0
        for name, change in changes:
            change()
            seconds, beyond, output = measured(project)
            scratch = scratch or seconds
            read, written = re.search(r"\(([\d,]+) read", output), re.search(r"\(([\d,]+) written", output)
            ran = " ".join(re.findall(r"Running stage '(\w+)'", output))
            print(
                f"{name:<14} {seconds:>8.1f} {beyond:>14.1f} {seconds / scratch:>11.1%} {read[1] if read else '-':>11} "
                f"{written[1] if written else '0':>15}  {ran}",
                flush=True,
            )


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
