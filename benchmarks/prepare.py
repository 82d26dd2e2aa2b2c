"""How fast prepare turns files into shards: `python -m benchmarks.prepare`.

Contenders take turns, five rounds, each in a process of its own; medians, and the ratios decide. The limit is the decoder
alone, on every core, over bytes that are in memory. What ours does besides: open, read and compare each file with its digest,
pack, sum, hash, write and flush to disk.
"""

import json
import os
import pickle
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import cv2
import numpy as np
import polars as pl
from PIL import Image

from benchmarks.ingest_stage import ROOT
from benchmarks.real_images import files_of, unpacked
from dataprep.config.base import SPLITS
from dataprep.config.execute import ExecuteConfig
from dataprep.config.prepare import PrepareConfig
from dataprep.decode.image import digest_bytes
from dataprep.decode.value_range import with_levels
from dataprep.execute.executor import num_workers, run_tasks
from dataprep.prepare.packing import prepare_images
from dataprep.prepare.quick_decode import decode_quickly
from dataprep.prepare.transforms import least_size
from pipelines.parameters.params import read_params

ROUNDS = 5
PHOTOGRAPHS = 1200
FROM_ONE_FIELD = 20
PARAMS = read_params(ROOT / "params.yaml")

Color = Literal["gray", "rgb"]


@dataclass(frozen=True, slots=True)
class Case:
    """A folder of images, the size and color that they are brought to, and the bars."""

    name: str
    image_size: tuple[int, int]
    color: Color
    of_limit: float
    of_keras: float

    @property
    def config(self) -> PrepareConfig:
        return PARAMS.prepare.model_copy(update={"image_size": self.image_size, "color": self.color})


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of one contender."""

    images_per_second: float
    images_per_cpu_second: float
    peak_mb: float  # of the largest process


CASES = [
    Case("mnist", (28, 28), "gray", of_limit=0.35, of_keras=1.5),
    Case("cifar", (32, 32), "rgb", of_limit=0.35, of_keras=1.5),
    Case("photographs", (96, 96), "gray", of_limit=0.75, of_keras=1.3),
]


def naive(folder: Path, case: Case) -> tuple[int, float]:
    """Read, gray, resize, a threshold by `map`, a list, a pickle: what people write first."""
    files = files_of(folder)
    start = time.perf_counter()
    images = []
    for path in files:
        image = Image.open(path).convert("L").resize(case.image_size[::-1])
        pixels = list(map(lambda level: 255 if level > 200 else level, image.tobytes()))  # noqa: C417  # as they write it
        images.append(np.array(pixels, dtype=np.uint8).reshape(case.image_size))
    with (folder.parent / "naive.pickle").open("wb") as file:
        pickle.dump(images, file)
    return len(files), time.perf_counter() - start


def pillow(folder: Path, case: Case) -> tuple[int, float]:
    """The same with numpy, on one core."""
    files = files_of(folder)
    start = time.perf_counter()
    channels = 1 if case.color == "gray" else 3
    images = np.empty((len(files), *case.image_size, channels), dtype=np.uint8)
    for number, path in enumerate(files):
        opened = Image.open(path)
        if path.suffix == ".jpg":
            opened.draft("L" if case.color == "gray" else "RGB", (2 * case.image_size[1], 2 * case.image_size[0]))
        image = opened.convert("L" if case.color == "gray" else "RGB")
        if image.size != case.image_size[::-1]:
            image = image.resize(case.image_size[::-1])
        images[number] = np.asarray(image).reshape(*case.image_size, channels)
    np.save(folder.parent / "pillow.npy", images)
    return len(files), time.perf_counter() - start


def keras(folder: Path, case: Case) -> tuple[int, float]:
    """`keras.utils.image_dataset_from_directory`, read through once; nothing is written."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from keras.utils import image_dataset_from_directory

    dataset = image_dataset_from_directory(
        str(folder),
        label_mode=None,
        color_mode="grayscale" if case.color == "gray" else "rgb",
        image_size=case.image_size,
        batch_size=256,
        shuffle=False,
        verbose=False,
    )
    start = time.perf_counter()
    count = sum(len(batch) for batch in dataset)
    return count, time.perf_counter() - start


def ours(folder: Path, case: Case) -> tuple[int, float]:
    """`prepare_images` as the stage calls it, without the start of its workers, which is measured beside."""
    return _ours(folder, case, with_start=False)


def ours_with_start(folder: Path, case: Case) -> tuple[int, float]:
    """The same with the start of its workers."""
    return _ours(folder, case, with_start=True)


def _ours(folder: Path, case: Case, *, with_start: bool) -> tuple[int, float]:
    rows = pl.read_parquet(folder.parent / "rows.parquet")
    execute = ExecuteConfig.model_validate(PARAMS.execute.model_dump())
    shutil.rmtree(folder.parent / "prepared", ignore_errors=True)
    began = time.perf_counter()
    from benchmarks.prepare import only_imports  # not that of __main__, which a worker does not have

    list(run_tasks(only_imports, range(num_workers(execute)), execute))
    start = time.perf_counter()
    decode, config = PARAMS.ingest.decode, case.config
    list(prepare_images(rows, folder.parent / "prepared", source=folder, decode=decode, prepare=config, execute=execute))
    seconds = time.perf_counter() - start
    return rows.height, seconds if with_start else seconds - (start - began)


def limit(folder: Path, case: Case) -> tuple[int, float]:
    """The decoder alone, one process per core, over bytes in memory; the slowest process counts."""
    files = files_of(folder)
    workers = num_workers(PARAMS.execute)
    context = get_context("spawn")
    barrier = context.Barrier(workers)
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_keep, initargs=(barrier,)) as executor:
        parts = [files[first::workers] for first in range(workers)]
        return len(files), max(executor.map(_decode_all, parts, [case] * workers))


_BARRIERS: list = []  # type: ignore[type-arg]  # of this process; a barrier is inherited and cannot be sent


def _keep(barrier: object) -> None:
    _BARRIERS.append(barrier)


def _decode_all(files: list[Path], case: Case) -> float:
    cv2.setNumThreads(0)
    contents = [path.read_bytes() for path in files]
    decode, least = with_levels(PARAMS.ingest.decode, {}), least_size(case.config)
    _BARRIERS[0].wait()
    start = time.perf_counter()
    for content in contents:
        decode_quickly(content, decode, color=case.color, least=least)
    return time.perf_counter() - start


def only_imports(_: int) -> None:
    """A task that needs a worker with all that prepare imports, and nothing more."""


CONTENDERS: dict[str, Callable[[Path, Case], tuple[int, float]]] = {
    "naive": naive,
    "pillow": pillow,
    "keras": keras,
    "limit": limit,
    "ours": ours,
    "ours_with_start": ours_with_start,
}


def run(contender: str, folder: Path, case: Case) -> Ran:
    """Runs one contender in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.prepare", contender, str(folder), case.name]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    return Ran(**json.loads(ended.stdout.splitlines()[-1]))


def _contend(contender: str, folder: Path, case: Case) -> None:
    count, seconds = CONTENDERS[contender](folder, case)
    if contender.startswith("ours") and "tensorflow" in sys.modules:
        raise RuntimeError("prepare imported tensorflow")
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    # Not ru_maxrss: that begins with the memory of the process by which this one was started.
    own_peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
    cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    peak = max(own_peak, children.ru_maxrss) / 1024
    print(json.dumps({"images_per_second": count / seconds, "images_per_cpu_second": count / cpu, "peak_mb": peak}))


def write_rows(folder: Path) -> None:
    """What ingest and split would hand to prepare."""
    paths = files_of(folder)
    contents = [path.read_bytes() for path in paths]
    names = [path.relative_to(folder).as_posix() for path in paths]
    rows = pl.DataFrame(
        {
            "id": names,
            "path": [name.encode() for name in names],
            "label": [path.parent.name for path in paths],
            "bytes": list(map(len, contents)),
            "file_digest": list(map(digest_bytes, contents)),
            "status": "ok",
        }
    )
    rows.with_columns(split=pl.lit(pl.Series(SPLITS)).gather(pl.int_range(pl.len()) % 5 // 2)).write_parquet(
        folder.parent / "rows.parquet"
    )


def write_photographs(folder: Path) -> None:
    """JPEGs of 1600 x 1200 whose spectrum falls as that of photographs does: they have 1.7 bits for a pixel, as theirs have."""
    rng = np.random.default_rng(0)
    height, width = 1200, 1600
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    fall = np.maximum(np.hypot(rows, columns), 1 / width) ** -1.4
    for number in range(PHOTOGRAPHS):
        if number % FROM_ONE_FIELD == 0:
            noise = rng.standard_normal((3, *fall.shape)) + 1j * rng.standard_normal((3, *fall.shape))
            planes = np.fft.irfft2(noise * fall, s=(height, width))
            planes *= np.array([50, 10, 10])[:, None, None] / planes.std(axis=(1, 2), keepdims=True)  # light, and less of color
            levels = np.clip(128 + planes, 0, 255).astype(np.uint8).transpose(1, 2, 0)
        # A field goes on beyond its edges, so that any part of it is another picture.
        rolled = np.roll(levels, (int(rng.integers(height)), int(rng.integers(width))), axis=(0, 1))
        path = folder / str(number % 2) / f"{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rolled, "YCbCr").convert("RGB").save(path, quality=88)


def show(case: Case, folder: Path) -> None:
    """Lets the contenders take turns and prints the table of a case."""
    # In a process of its own: Linux counts the memory that a parent had when it started a process as that of the child.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        executor.submit(write_rows, folder).result()
    count = len(files_of(folder))
    runs: dict[str, list[Ran]] = {name: [] for name in CONTENDERS}
    for _ in range(ROUNDS):
        for name in CONTENDERS:
            runs[name].append(run(name, folder, case))
    speed = {name: statistics.median(ran.images_per_second for ran in those) for name, those in runs.items()}
    print(f"\n{case.name}: {count:,} images to {case.image_size[0]} x {case.image_size[1]} {case.color}, medians of {ROUNDS}")
    for name in CONTENDERS:
        per_cpu = statistics.median(ran.images_per_cpu_second for ran in runs[name])
        peak = max(ran.peak_mb for ran in runs[name])
        print(
            f"  {name:<16} {speed[name]:>9,.0f} images/s {speed['ours'] / speed[name]:>8.2f} = ours / it"
            f" {per_cpu:>9,.0f} per CPU-second {peak:>7,.0f} MB"
        )
    print(
        f"  of the limit {speed['ours'] / speed['limit']:.2f} (bar {case.of_limit}), "
        f"of Keras {speed['ours'] / speed['keras']:.2f} (bar {case.of_keras})",
        flush=True,
    )


def main() -> None:
    if len(sys.argv) > 1:
        contender, source, name = sys.argv[1:]
        _contend(contender, Path(source), next(case for case in CASES if case.name == name))
        return
    mnist, cifar, photographs = CASES
    for case in (mnist, cifar):
        with unpacked(case.name) as unpacked_folder:
            show(case, unpacked_folder)
    with TemporaryDirectory(prefix="darkroom-bench-") as temporary:
        folder = Path(temporary) / "photographs"
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
            executor.submit(write_photographs, folder).result()
        show(photographs, folder)


if __name__ == "__main__":
    main()
