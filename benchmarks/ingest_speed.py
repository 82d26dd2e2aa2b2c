"""How fast ingest reads, verifies, measures and compares 70,000 files: `python -m benchmarks.ingest_speed`.

Contenders take turns: the machine drifts by a third within an hour, so only ratios within one run count. The yardstick is what
people write by hand: Pillow and numpy, read and made gray, on one core, nothing verified.
"""

import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.ingest_stage import Stage
from benchmarks.real_images import unpacked

ROUNDS = 3
FLOOR = 6_000  # files/s

BY_HAND = """
import sys, time
from pathlib import Path
import numpy as np
from PIL import Image
files = sorted(Path(sys.argv[1]).rglob("*.png"))
start = time.perf_counter()
total = 0
for file in files:
    total += int(np.asarray(Image.open(file).convert("L")).sum())
print(len(files) / (time.perf_counter() - start))
"""


def main() -> None:
    with unpacked("mnist") as source, TemporaryDirectory() as folder:
        stage = Stage(Path(folder), source, pattern="{split}/{label}/{name}")
        count = sum(1 for _ in source.rglob("*.png"))
        start = _seconds([sys.executable, "-c", "import pipelines.stages.ingest"])
        first, again, by_hand, peaks = [], [], [], []
        for _ in range(ROUNDS):
            by_hand.append(float(subprocess.check_output([sys.executable, "-c", BY_HAND, str(source)])))
            stage.forget()
            ran = stage.run()
            first.append(count / ran.seconds)
            peaks.append(ran.peak_mb)
            again.append(stage.run().seconds - start)
        added = next(source.rglob("*.png"))
        shutil.copyfile(added, added.with_name("added.png"))
        one_more = stage.run()
    fastest = statistics.median(first)
    hand = statistics.median(by_hand)
    print(f"MNIST, {count:,} PNG, medians of {ROUNDS} rounds")
    print(f"ingest, whole stage           {fastest:>9,.0f} files/s   {fastest / hand:.2f} of by hand   floor {FLOOR:,}")
    print(f"by hand, Pillow + numpy       {hand:>9,.0f} files/s   one core, nothing verified or compared")
    print(f"peak memory                   {max(peaks):>9,.0f} MB        of the largest process")
    print(f"unchanged, beyond the start   {statistics.median(again):>9.2f} s         the start takes {start:.2f} s")
    print(f"one file added                {one_more.seconds - start:>9.2f} s         {one_more.last_line}")


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
