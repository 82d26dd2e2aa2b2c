"""How long the split of many images takes, and in how much memory: `python -m benchmarks.split_scale [rows]`.

Each variant runs in a process of its own, so that its peak is its own. The peak of the rows alone, before anything is split,
stands beside it.
"""

import multiprocessing
import resource
import sys
import time

import numpy as np
import polars as pl

from dataprep.config.split import SplitConfig
from dataprep.core.rng import rng_for
from dataprep.split.split_methods import split_images
from dataprep.store.split_report import measure_split

NUM_CLASSES = 10
VARIANTS = {
    "stratified, every image alone": ("stratified", 0, 0.0),
    "stratified, 10,000 groups": ("stratified", 10_000, 0.0),
    "stratified, 0.8 of them in pairs": ("stratified", 0, 0.8),
    "hash, 10,000 groups": ("hash", 10_000, 0.0),
    "hash, 0.8 of them in pairs": ("hash", 0, 0.8),
    "given train and test, every image alone": ("given", 0, 0.0),
}
"""Method, number of groups, fraction of the images that have one exact duplicate."""

Measured = tuple[float, float, float]


def make_images(rows: int, *, groups: int, paired: float) -> pl.DataFrame:
    """Makes up rows as the manifest has them; ids as long as real ones, digests of 128 bits in hex."""
    number = np.arange(rows)
    picture = np.where(number < paired * rows, number // 2, number)
    group = pl.lit(None, dtype=pl.String) if not groups else pl.format("writer-{}", pl.col("number") * 7919 % groups)
    rng = rng_for(0, "benchmark")
    return pl.DataFrame({"number": number, "picture": picture, "class": rng.integers(0, NUM_CLASSES, rows)}).select(
        id=pl.format("class{}/image-{}.png", "class", pl.col("number").cast(pl.String).str.zfill(8)),
        label=pl.format("class{}", "class"),
        group=group,
        origin=pl.lit(None, dtype=pl.String),
        given_split=pl.when(pl.col("number") % 7 == 0).then(pl.lit("test")).otherwise(pl.lit("train")),
        digest=pl.col("picture").cast(pl.String).str.zfill(32),
        near_duplicate=pl.lit(None, dtype=pl.String),
    )


def measure(name: str, rows: int) -> Measured:
    """Seconds, peak MB of the rows alone, and peak MB of the whole process."""
    method, groups, paired = VARIANTS[name]
    images = make_images(rows, groups=groups, paired=paired)
    before = _peak_mb()
    config = SplitConfig.model_validate(
        {"method": method, "fractions": (0.6, 0.2, 0.2), "pin": {}, "min_test_images": 50, "seed": 0}
    )
    start = time.perf_counter()
    metrics = measure_split(images, split_images(images, config), config)
    seconds = time.perf_counter() - start
    if metrics.shared.total.total:
        raise RuntimeError(f"{name}: the splits share {metrics.shared.total}")
    return seconds, before, _peak_mb()


def main(rows: int) -> None:
    print(f"{'variant':<42}{'rows':>12}{'seconds':>9}{'rows MB':>9}{'peak MB':>9}")
    context = multiprocessing.get_context("spawn")
    for name in VARIANTS:
        with context.Pool(1) as pool:
            seconds, before, peak = pool.apply(measure, (name, rows))
        print(f"{name:<42}{rows:>12,}{seconds:>9.1f}{before:>9,.0f}{peak:>9,.0f}", flush=True)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
