"""How fast shards are written and read, and how large they are: `python -m benchmarks.storage`.

Against pickle (one array; a list of arrays), npy, TFRecord, and HDF5 with filters and by fancy index. All of it in a file
system in memory where there is one: this compares formats, not disks. Contenders take turns, medians of five rounds.
"""

import math
import os
import pickle
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from benchmarks.ingest_stage import ROOT
from benchmarks.real_images import files_of, grainy, unpacked
from dataprep.config.augment import AugmentConfig
from dataprep.core.rng import rng_for
from dataprep.decode.image import Pixels, to_gray
from dataprep.decode.value_range import with_levels
from dataprep.feed.batches import Order, ShardFile, TrainSet, train_batches
from dataprep.prepare.quick_decode import decode_quickly
from dataprep.prepare.transforms import resize, saturate
from dataprep.store.shards import ShardContent, ShardIndex, ShardKey, num_buckets, write_index, write_shard
from pipelines.parameters.params import read_params

ROUNDS = 5
ROUNDS_OF_FILTERS = 2  # they are slow, and far from the others
BATCH = 64
FANCY_BATCHES = 40
PARAMS = read_params(ROOT / "params.yaml")

FILTERS: dict[str, dict[str, object]] = {
    "HDF5, no filter": {},
    "HDF5, chunks of 64": {"chunks": True},
    "HDF5, gzip 1": {"compression": "gzip", "compression_opts": 1},
    "HDF5, lzf": {"compression": "lzf"},
    "HDF5, blosc2 lz4": dict(hdf5plugin.Blosc2(cname="lz4", clevel=1, filters=hdf5plugin.Blosc2.NOFILTER)),
    "HDF5, blosc2 zstd 1": dict(hdf5plugin.Blosc2(cname="zstd", clevel=1, filters=hdf5plugin.Blosc2.NOFILTER)),
    "HDF5, bitshuffle lz4": dict(hdf5plugin.Bitshuffle(cname="lz4")),
}


@dataclass(frozen=True, slots=True)
class Contender:
    """Writes images into a folder; reads all in order; reads batches in random order and says how many images that were."""

    write: Callable[[Pixels, Path], None]
    read: Callable[[Path], int]
    shuffled: Callable[[Path], int] | None


@cache
def names_and_labels(count: int) -> tuple[list[str], NDArray[np.int64]]:
    """Made once: others write neither, and these are there before an image is."""
    labels = np.arange(count) % 10
    return [f"train/{label}/{number:06d}.png" for number, label in enumerate(labels)], labels


def write_ours(images: Pixels, folder: Path) -> None:
    ids, labels = names_and_labels(len(images))
    buckets = num_buckets(len(images) / PARAMS.prepare.images_per_shard)
    entries = []
    for bucket in range(buckets):
        rows = slice(bucket * len(images) // buckets, (bucket + 1) * len(images) // buckets)
        content = ShardContent(
            images=images[rows], labels=labels[rows], ids=ids[rows], class_names=list("0123456789"), extra={}
        )
        entries.append(write_shard(folder, ShardKey("train", bucket, f"{bucket:032x}"), content))
    shape = images.shape[1:]
    index = ShardIndex(
        shape=shape,
        class_names=list("0123456789"),
        decode=with_levels(PARAMS.ingest.decode, {}),
        prepare=PARAMS.prepare,
        shards=entries,
    )
    write_index(folder, index)


def ours(folder: Path) -> TrainSet:
    index = ShardIndex.model_validate_json((folder / "index.json").read_bytes())
    num_images = sum(entry.num_images for entry in index.shards)
    return TrainSet([ShardFile(folder, entry, index.layout, "prepare") for entry in index.shards], [num_images], index.shape)


def read_ours(folder: Path) -> int:
    count = 0
    for file in ours(folder).files:
        with file.open() as shard:
            count += len(shard.images())
    return count


def shuffled_ours(folder: Path) -> int:
    still = AugmentConfig.model_validate({**PARAMS.augment.model_dump(), "online": False})
    order = Order(BATCH, seed=0, memory_gib=0.0)  # from the shards
    return sum(len(images) for images, _ in train_batches(ours(folder), still, order, epochs=[1]))


def write_pickle(images: Pixels, folder: Path) -> None:
    with (folder / "images.pickle").open("wb") as file:
        pickle.dump(images, file, protocol=5)


def write_pickled_list(images: Pixels, folder: Path) -> None:
    with (folder / "images.pickle").open("wb") as file:
        pickle.dump(list(images), file, protocol=5)


def read_pickle(folder: Path) -> int:
    with (folder / "images.pickle").open("rb") as file:
        return len(pickle.load(file))  # noqa: S301  # this very program wrote it


def write_npy(images: Pixels, folder: Path) -> None:
    np.save(folder / "images.npy", images)


def read_npy(folder: Path) -> int:
    return len(np.load(folder / "images.npy"))


def shuffled_npy(folder: Path) -> int:
    """Blocks of 64 rows in random order, copied from the mapped file into a buffer that is shuffled: as ours does."""
    mapped = np.load(folder / "images.npy", mmap_mode="r")
    rng = rng_for(0, "npy")
    starts = rng.permutation(np.arange(0, len(mapped), BATCH))
    per_window = max(2**26 // (int(np.prod(mapped.shape[1:])) * BATCH), 1)
    count = 0
    for first in range(0, len(starts), per_window):
        window = np.concatenate([mapped[start : start + BATCH] for start in starts[first : first + per_window]])
        window = window[rng.permutation(len(window))]
        count += sum(len(window[start : start + BATCH].copy()) for start in range(0, len(window), BATCH))
    return count


def write_tfrecord(images: Pixels, folder: Path) -> None:
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(folder / "images.tfrecord")) as writer:
        for image in images:
            writer.write(image.tobytes())


def read_tfrecord(folder: Path) -> int:
    import tensorflow as tf

    return sum(len(batch) for batch in tf.data.TFRecordDataset(str(folder / "images.tfrecord")).batch(BATCH))


def shuffled_tfrecord(folder: Path) -> int:
    import tensorflow as tf

    records = tf.data.TFRecordDataset(str(folder / "images.tfrecord")).shuffle(4096, seed=0).batch(BATCH)
    return sum(len(batch) for batch in records.map(lambda batch: tf.io.decode_raw(batch, tf.uint8)))


def hdf5_writer(options: dict[str, object]) -> Callable[[Pixels, Path], None]:
    def write(images: Pixels, folder: Path) -> None:
        chunked = {**options, "chunks": (BATCH, *images.shape[1:])} if options else {}
        with h5py.File(folder / "images.h5", "w") as file:
            file.create_dataset("images", data=images, **chunked)

    return write


def read_hdf5(folder: Path) -> int:
    with h5py.File(folder / "images.h5") as file:
        return len(file["images"][:])


def fancy_hdf5(folder: Path) -> int:
    """Sorted random rows by h5py's index, as most examples read; some batches only, since it is slow."""
    with h5py.File(folder / "images.h5") as file:
        images = file["images"]
        order = rng_for(0, "fancy").permutation(len(images))
        return sum(len(images[np.sort(order[start : start + BATCH])]) for start in range(0, FANCY_BATCHES * BATCH, BATCH))


CONTENDERS = {
    "ours": Contender(write_ours, read_ours, shuffled_ours),
    "pickle, one array": Contender(write_pickle, read_pickle, None),
    "pickle, a list": Contender(write_pickled_list, read_pickle, None),
    "npy, memory-mapped": Contender(write_npy, read_npy, shuffled_npy),
    "TFRecord": Contender(write_tfrecord, read_tfrecord, shuffled_tfrecord),
    **{name: Contender(hdf5_writer(options), read_hdf5, fancy_hdf5) for name, options in FILTERS.items()},
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One round of one contender; nan where it does not do such a thing."""

    write_mb: float
    read_mb: float
    shuffled_images: float
    size: float  # of the bytes of the pixels


def measure(contender: Contender, images: Pixels, folder: Path) -> Measured:
    megabytes = images.nbytes / 1e6
    written = timed(lambda: contender.write(images, folder))
    size = sum(path.stat().st_size for path in folder.iterdir()) / images.nbytes
    read = timed(lambda: contender.read(folder))
    if contender.shuffled is None:
        return Measured(megabytes / written, megabytes / read, math.nan, size)
    start = time.perf_counter()
    count = contender.shuffled(folder)
    return Measured(megabytes / written, megabytes / read, count / (time.perf_counter() - start), size)


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def show(name: str, images: Pixels) -> None:
    """Lets the contenders take turns on one array and prints the table."""
    place = Path("/dev/shm")  # noqa: S108  # a folder of our own is made there
    rounds: dict[str, list[Measured]] = {contender: [] for contender in CONTENDERS}
    for number in range(ROUNDS):
        for contender in CONTENDERS:
            if number >= ROUNDS_OF_FILTERS and FILTERS.get(contender, {}).get("compression"):
                continue
            with TemporaryDirectory(prefix="darkroom-bench-", dir=place if place.is_dir() else None) as folder:
                rounds[contender].append(measure(CONTENDERS[contender], images, Path(folder)))
    medians = {
        contender: Measured(
            *(
                statistics.median(getattr(one, field) for one in many)
                for field in ("write_mb", "read_mb", "shuffled_images", "size")
            )
        )
        for contender, many in rounds.items()
    }
    print(f"\n{name}: {' x '.join(map(str, images.shape))}, {images.nbytes / 1e6:,.0f} MB, medians of {ROUNDS}")
    print(f"  {'':<22} {'write MB/s':>11} {'read MB/s':>10} {'shuffled images/s':>18} {'size':>6}")
    for contender, one in medians.items():
        print(f"  {contender:<22} {one.write_mb:>11,.0f} {one.read_mb:>10,.0f} {one.shuffled_images:>18,.0f} {one.size:>6.2f}")
    mine = medians["ours"]
    ratios = [
        ("writing / one pickled array", mine.write_mb / medians["pickle, one array"].write_mb, 0.4),
        ("writing / a pickled list", mine.write_mb / medians["pickle, a list"].write_mb, 2.0),
        ("shuffled / fancy, chunks of 64", mine.shuffled_images / medians["HDF5, chunks of 64"].shuffled_images, 50.0),
        ("shuffled / fancy, no filter", mine.shuffled_images / medians["HDF5, no filter"].shuffled_images, 50.0),
        ("shuffled / memory-mapped npy", mine.shuffled_images / medians["npy, memory-mapped"].shuffled_images, 0.25),
    ]
    for what, ratio, bar in ratios:
        print(f"  {what:<32} {ratio:>8.2f}   bar {bar:g}", flush=True)


def arrays() -> Iterator[tuple[str, Pixels]]:
    """The three arrays of the table, and handwriting whose paper is saturated, which compresses."""
    decode = with_levels(PARAMS.ingest.decode, {})
    with unpacked("mnist") as folder:
        files = files_of(folder / "train")
        digits = np.stack([decode_quickly(path.read_bytes(), decode, color="gray") for path in files])
    with unpacked("cifar") as folder:
        files = files_of(folder / "train")
        photographs = np.stack([decode_quickly(path.read_bytes(), decode, color="rgb") for path in files])
    yield "MNIST", digits
    yield "CIFAR-10", photographs
    rng = rng_for(0, "grain")  # of a camera, without which an enlarged picture would compress too well
    yield "CIFAR-10, enlarged, gray", np.stack([grainy(enlarged(image), 3.0, rng) for image in photographs[:20_000]])
    saturation = PARAMS.prepare.saturate.model_copy(update={"method": "threshold", "threshold": 60, "ink": "light"})
    yield "MNIST, enlarged, saturated", np.stack([saturate(enlarged(image), saturation) for image in digits[:20_000]])


def enlarged(image: Pixels) -> Pixels:
    """96 x 96, gray."""
    return resize(to_gray(image), (96, 96), PARAMS.prepare.resize)


def main() -> None:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    for name, images in arrays():
        show(name, images)


if __name__ == "__main__":
    main()
