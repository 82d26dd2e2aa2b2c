"""Whether planted near duplicates are found in CIFAR-10, and what else is: `python -m benchmarks.near_duplicates [sheet.png]`.

500 images each are re-encoded, resized and back, cropped, and brightened. A pair that was not planted counts as wrong, unless
both are images of CIFAR-10 itself: those are listed and drawn on a sheet, the most doubtful first, for a person to judge. The
same search on all of MNIST shows whether different handwritten digits are kept apart.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from PIL import Image

from benchmarks.ingest_stage import Stage
from benchmarks.real_images import read_some, save, unpacked
from dataprep.core.rng import rng_for
from dataprep.decode.image import Pixels, to_rgb
from dataprep.ingest.near_duplicates import difference_of
from dataprep.ingest.perceptual_features import extract_features, shrunk
from dataprep.store.manifest import usable

COUNT = 500
SHOWN = 10


def _jpeg(image: Pixels, _rng: np.random.Generator) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=60)
    return np.asarray(Image.open(buffer))


def _resized(image: Pixels, _rng: np.random.Generator) -> Pixels:
    height, width, _ = image.shape
    small = Image.fromarray(image).resize((round(width * 0.8), round(height * 0.8)), Image.Resampling.BICUBIC)
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def _cropped(image: Pixels, rng: np.random.Generator) -> Pixels:
    """2% off the width and the height, divided between the sides at random; of 32 pixels that is 0.64."""
    height, width, _ = image.shape
    left, top = rng.uniform(0, 0.02 * width), rng.uniform(0, 0.02 * height)
    box = (left, top, left + 0.98 * width, top + 0.98 * height)
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC, box=box))


def _one_pixel(image: Pixels, _rng: np.random.Generator) -> Pixels:
    """One row and one column off, 3.1% of 32 pixels: more than is promised."""
    return image[:-1, :-1]


def _brighter(image: Pixels, _rng: np.random.Generator) -> Pixels:
    return (image * 1.05).clip(0, 255).astype(np.uint8)


PLANTED: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "JPEG quality 60": _jpeg,
    "80% and back": _resized,
    "2% crop": _cropped,
    "5% brighter": _brighter,
    "one pixel off": _one_pixel,
}


def main(sheet: Path | None) -> None:
    with unpacked("cifar") as source, TemporaryDirectory() as folder:
        rng = rng_for(0, "plant", "near duplicates")
        origin: dict[str, tuple[str, str]] = {}
        for kind, copy in PLANTED.items():
            for number, (path, image) in enumerate(read_some(source, COUNT, rng)):
                name = Path(path).with_name(f"planted-{kind.replace(' ', '-')}-{number}.png").as_posix()
                save(source / name, copy(image, rng))
                origin[name] = (path, kind)
        stage = Stage(Path(folder), source, pattern="{split}/{label}/{name}")
        stage.run()
        found = usable(stage.manifest).select("id", "digest", "near_duplicate")
        _report(found, origin)
        _show_doubtful(found.filter(~pl.col("id").is_in(list(origin))), source, sheet)
    with unpacked("mnist") as source, TemporaryDirectory() as folder:
        stage = Stage(Path(folder), source, pattern="{split}/{label}/{name}")
        stage.run()
        near = stage.manifest.drop_nulls("near_duplicate")
        share = near.height / stage.manifest.height
        print(f"MNIST: {near.height} of {stage.manifest.height:,} images ({share:.3%}) have a near duplicate")


def _report(found: pl.DataFrame, origin: dict[str, tuple[str, str]]) -> None:
    # Exact duplicates are found by their digests; a copy that changed no pixel counts as found.
    cluster = {row[0]: (row[2] or row[1]) for row in found.rows()}
    hits = dict.fromkeys(PLANTED, 0)
    for name, (path, kind) in origin.items():
        hits[kind] += cluster.get(name) == cluster.get(path, "-")
    for kind, count in hits.items():
        print(f"CIFAR-10, {kind:<18} recall {count / COUNT:.3f}")
    root = {name: origin[name][0] if name in origin else name for name in cluster}
    pairs = wrong = natural = 0
    groups = found.drop_nulls("near_duplicate").group_by("near_duplicate", maintain_order=True).agg("id")["id"].to_list()
    for ids in groups:
        for number, one in enumerate(ids):
            for other in ids[number + 1 :]:
                pairs += 1
                natural += root[one] != root[other] and one not in origin and other not in origin
                wrong += root[one] != root[other] and (one in origin or other in origin)
    print(f"pairs in one cluster {pairs:,}: {natural} of CIFAR-10's own, {wrong} of a planted copy and another picture")
    print(f"precision {1 - (wrong + natural) / pairs:.3f} if both are wrong, {1 - wrong / pairs:.3f} if the first are right")


def _show_doubtful(found: pl.DataFrame, source: Path, sheet: Path | None) -> None:
    """Lists and draws the pairs of CIFAR-10's own that differ most."""
    groups = found.drop_nulls("near_duplicate").group_by("near_duplicate", maintain_order=True).agg("id")["id"].to_list()
    pairs = []
    for ids in groups:
        for number, one in enumerate(ids):
            for other in ids[number + 1 :]:
                images = [np.asarray(Image.open(source / name)) for name in (one, other)]
                images = [image if image.ndim == 3 else image[..., np.newaxis] for image in images]
                pairs.append(
                    (difference_of(extract_features(np.stack([shrunk(image) for image in images]))), one, other, images)
                )
    pairs.sort(key=lambda pair: -pair[0])
    print(f"the {min(SHOWN, len(pairs))} most doubtful of {len(pairs)} pairs of CIFAR-10's own:")
    for difference, one, other, _ in pairs[:SHOWN]:
        print(f"  {difference:.5f}  {one}  {other}")
    if sheet is not None and pairs:
        rows = [np.concatenate([to_rgb(image).repeat(4, axis=0).repeat(4, axis=1) for image in images]) for *_, images in pairs]
        rows += [np.full_like(rows[0], 255)] * (-len(rows) % SHOWN)
        lines = [np.concatenate(rows[start : start + SHOWN], axis=1) for start in range(0, len(rows), SHOWN)]
        Image.fromarray(np.concatenate(lines)).save(sheet)
        print(f"all pairs, one above the other, the most doubtful first: {sheet}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
