"""How well training is fed: `python -m benchmarks.feeding`. About ten minutes.

The 32-16-8-4 network at 96 x 96, batches of 64, one compute thread (two are bimodal on shared machines). Contenders take turns,
each in a process of its own; medians, and the ratios decide. Held is the same network on one batch that stays in memory: what
others lose against it is the cost of feeding.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.augment import settings as rotation_flip_noise
from benchmarks.ingest_stage import ROOT
from benchmarks.storage import write_ours
from dataprep.augment.stored_copies import write_copies
from dataprep.config.augment import OPERATIONS, AugmentConfig
from dataprep.core.rng import stable_hashes
from dataprep.decode.image import Pixels
from dataprep.feed.batches import Order, TrainSet, find_train_set
from pipelines.parameters.params import read_params

ROUNDS = 5
BATCH = 64
STEPS = 40  # of an epoch
SHAPE = (96, 96, 1)
NUM_CLASSES = 10
BAR = 0.08
PARAMS = read_params(ROOT / "params.yaml")

Batches = Iterator[tuple[Pixels, np.ndarray]]


def held(_folder: Path) -> Batches:
    """One batch, again and again."""
    images, targets = some(BATCH)
    while True:
        yield images, targets


def fancy_index(folder: Path) -> Batches:
    """Rows drawn one by one by h5py, as many scripts do it."""
    import h5py

    rng = np.random.default_rng(0)
    _, targets = some(BATCH)
    path = next((folder / "prepared").glob("*.h5"))
    with h5py.File(path) as file:
        while True:
            rows = np.sort(rng.choice(len(file["images"]), BATCH, replace=False))
            yield file["images"][rows], targets


def albumentations(folder: Path) -> Batches:
    """Blocks from the shards, each image through a Compose of albumentations in the feeding thread."""
    import albumentations as al

    compose = al.Compose(
        [al.Rotate(limit=15, p=1.0), al.HorizontalFlip(p=0.5), al.GaussNoise(std_range=(8 / 255, 8 / 255), p=0.5)], seed=0
    )
    _, targets = some(BATCH)
    train_set = train_set_of(folder)
    while True:
        for file in train_set.files:
            with file.open() as shard:
                for start in range(0, len(shard) - BATCH + 1, BATCH):
                    images = shard.images(start, start + BATCH)
                    yield np.stack([compose(image=image)["image"] for image in images]), targets


def still() -> AugmentConfig:
    return PARAMS.augment.model_copy(update={"online": False})


def all_operations() -> AugmentConfig:
    """Every operation that gray images can take, each with probability 0.3."""
    operations = PARAMS.augment.model_dump()
    for name in OPERATIONS:
        operations[name]["probability"] = 0.0 if name == "channel_shuffle" else 0.3
    return AugmentConfig.model_validate({**operations, "label_safe": []})


STREAMS: dict[str, tuple[Callable[[], AugmentConfig], int]] = {
    "ours, as stored": (still, 0),
    "ours, rotation flip noise, in a thread": (rotation_flip_noise, 0),
    "ours, rotation flip noise, 2 workers": (rotation_flip_noise, 2),
    "ours, all operations, in a thread": (all_operations, 0),
    "ours, all operations, 2 workers": (all_operations, 2),
}
PEERS: dict[str, Callable[[Path], Batches]] = {
    "held": held,
    "albumentations in a thread": albumentations,
    "fancy index": fancy_index,
}


def some(count: int) -> tuple[Pixels, np.ndarray]:
    """Images and targets at random."""
    rng = np.random.default_rng(0)
    targets = np.eye(NUM_CLASSES, dtype=np.float32)[rng.integers(0, NUM_CLASSES, count)]
    return rng.integers(0, 256, (count, *SHAPE), dtype=np.uint8), targets


def train_set_of(folder: Path) -> TrainSet:
    return find_train_set(folder / "prepared", folder / "augmented")


def train(name: str, folder: Path) -> float:
    """Images per second of the second epoch."""
    import keras
    import tensorflow as tf

    from dataprep.store.statistics import Statistics
    from models.train.compiled_network import compile_network
    from models.train.tf_datasets import PREFETCHED, train_dataset

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    train_set = train_set_of(folder)
    network_config = PARAMS.model.network.model_copy(update={"filters": (32, 16, 8, 4), "dense_units": (64,)})
    model = PARAMS.model.model_copy(update={"network": network_config})
    per_channel = {"mean": [[[128.0]]], "std": [[[70.0]]]}
    statistics_of = Statistics.model_validate({"per": "channel", "num_images": 1, "class_counts": {}, **per_channel})
    network = compile_network(model, PARAMS.train, train_set, statistics_of, augment=PARAMS.augment)
    if name in STREAMS:
        config, workers = STREAMS[name]
        order = Order(BATCH, seed=0, memory_gib=0.0)  # from the shards
        dataset = train_dataset(train_set, config(), order, epochs=range(1, 4), workers=workers, failures=[])
    else:
        signature = (tf.TensorSpec((BATCH, *SHAPE), np.uint8), tf.TensorSpec((BATCH, NUM_CLASSES), np.float32))
        dataset = tf.data.Dataset.from_generator(lambda: PEERS[name](folder), output_signature=signature).prefetch(PREFETCHED)

    times: list[float] = []

    def note(*_: object) -> None:
        times.append(time.perf_counter())

    clock = keras.callbacks.LambdaCallback(on_epoch_begin=note, on_epoch_end=note)
    network.fit(dataset, epochs=2, steps_per_epoch=STEPS, verbose=0, callbacks=[clock], shuffle=False)
    return STEPS * BATCH / (times[3] - times[2])


def run(name: str, folder: Path) -> float:
    """Trains in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.feeding", name, str(folder)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "NO_ALBUMENTATIONS_UPDATE": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    return float(done.stdout)


def main() -> None:
    if len(sys.argv) > 1:
        print(train(sys.argv[1], Path(sys.argv[2])))
        return
    names = [*PEERS, *STREAMS]
    with TemporaryDirectory(prefix="darkroom-bench-") as temporary:
        folder = Path(temporary)
        images, _ = some(STEPS * BATCH)
        write_ours(images, folder / "prepared")
        list(write_copies(folder / "prepared", folder / "augmented", [], PARAMS.execute))
        speeds: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(ROUNDS):
            for name in names:
                speeds[name].append(run(name, folder))
    medians = {name: statistics.median(measured) for name, measured in speeds.items()}
    print(f"training, images/s, median of {ROUNDS} (lowest - highest), loss against held; bar {BAR:.0%} for ours")
    for name in names:
        loss = 1 - medians[name] / medians["held"]
        note = "  ABOVE" if name in STREAMS and loss > BAR else ""
        spread = f"({min(speeds[name]):.0f} - {max(speeds[name]):.0f})"
        print(f"  {name:40} {medians[name]:6.0f}  {spread:14} {loss:6.1%}{note}")
    varied_alone(medians["held"])


def varied_alone(needed: float) -> None:
    """What feeding takes beside the training step, from the speed of the variations alone."""
    from dataprep.augment.apply import augment_images

    images, _ = some(BATCH)
    keys = stable_hashes([str(number) for number in range(BATCH)])
    for name, config in (("rotation flip noise", rotation_flip_noise()), ("all operations", all_operations())):
        start, epoch = time.perf_counter(), 0
        while time.perf_counter() - start < 2:
            epoch += 1
            augment_images(images, keys, config, epoch=epoch)
        speed = epoch * BATCH / (time.perf_counter() - start)
        print(f"{name}: one process varies {speed:,.0f} images/s, training takes {needed:,.0f}: {needed / speed:.1%} of a core")


if __name__ == "__main__":
    main()
