"""How fast images are varied: `python -m benchmarks.augment`.

Rotation by up to 15 degrees, a flip with probability 0.5, Gaussian noise with probability 0.5. Contenders take turns, five
rounds, each in a process of its own; medians, and the ratios decide. Ours draws by (seed, id, epoch, copy), the others as they
are usually called. The limit is a bare `cv2.warpAffine` for each image with its matrix at hand. Only Keras may use all cores.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.ingest_stage import ROOT
from dataprep.config.augment import OPERATIONS, AugmentConfig
from dataprep.decode.image import Pixels
from pipelines.parameters.params import read_params

ROUNDS = 5
BATCH = 64
SECONDS = 1.0
DEGREES, STD = 15.0, 8.0


@dataclass(frozen=True, slots=True)
class Case:
    """A shape of images and the bars: times albumentations, of the limit."""

    shape: tuple[int, int, int]
    of_albumentations: float
    of_limit: float = 0.5
    of_one_process: float = 1.4

    @property
    def name(self) -> str:
        return "x".join(map(str, self.shape))


CASES = [Case((28, 28, 1), 8), Case((32, 32, 3), 8), Case((96, 96, 1), 3), Case((224, 224, 3), 2)]


def settings() -> AugmentConfig:
    """Rotation, horizontal flip and noise; all else off."""
    operations = read_params(ROOT / "params.yaml").augment.model_dump()
    for name in OPERATIONS:
        operations[name]["probability"] = 0.0
    operations["label_safe"] = []
    operations["rotation"] = {"probability": 1.0, "degrees": [-DEGREES, DEGREES]}
    operations["horizontal_flip"] = {"probability": 0.5}
    operations["noise"] = {"probability": 0.5, "std": [STD, STD]}
    return AugmentConfig.model_validate(operations)


def images_of(shape: tuple[int, int, int]) -> Pixels:
    """Enough for one batch; the same ones again and again."""
    return np.random.default_rng(0).integers(0, 256, (BATCH, *shape), dtype=np.uint8)


def repeat(batch: Callable[[int], object]) -> float:
    """Images per second of a function of the epoch that varies one batch."""
    cv2.setNumThreads(1)
    batch(1)
    start, epoch = time.perf_counter(), 1
    while (seconds := time.perf_counter() - start) < SECONDS:
        epoch += 1
        batch(epoch)
    return (epoch - 1) * BATCH / seconds


def ours(case: Case) -> float:
    """`augment_images`, as training calls it; ids are hashed once, as there."""
    from dataprep.augment.apply import augment_images
    from dataprep.core.rng import stable_hashes

    images, config = images_of(case.shape), settings()
    keys = stable_hashes([f"{number}.png" for number in range(BATCH)])
    return repeat(lambda epoch: augment_images(images, keys, config, epoch=epoch))


def albumentations(case: Case) -> float:
    """A Compose, called for each image."""
    import albumentations as al

    images = images_of(case.shape)
    noise = (STD / 255, STD / 255)
    compose = al.Compose(
        [
            al.Rotate(limit=DEGREES, border_mode=cv2.BORDER_CONSTANT, p=1.0),
            al.HorizontalFlip(p=0.5),
            al.GaussNoise(std_range=noise, p=0.5),
        ],
        seed=0,
    )
    return repeat(lambda _: [compose(image=image)["image"] for image in images])


def keras(case: Case) -> float:
    """Keras' preprocessing layers in tf.data, on all cores."""
    import keras as ks
    import tensorflow as tf

    images = images_of(case.shape)
    rotation = ks.layers.RandomRotation(DEGREES / 360, fill_mode="constant", data_format="channels_last")
    flip = ks.layers.RandomFlip("horizontal", data_format="channels_last")

    def vary(batch: tf.Tensor) -> tf.Tensor:
        varied = flip(rotation(tf.cast(batch, tf.float32), training=True), training=True)
        noisy = tf.cast(tf.random.uniform((BATCH, 1, 1, 1)) < 0.5, tf.float32)
        return varied + noisy * tf.random.normal(tf.shape(varied), stddev=STD)

    dataset = tf.data.Dataset.from_tensors(images).repeat().map(vary, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)
    batches = iter(dataset)
    return repeat(lambda _: next(batches))


def scikit_image(case: Case) -> float:
    """`skimage.transform.rotate`, a reversed view, `skimage.util.random_noise`."""
    from skimage.transform import rotate
    from skimage.util import img_as_ubyte, random_noise

    images, rng = images_of(case.shape), np.random.default_rng(0)

    def vary(image: Pixels) -> Pixels:
        varied = rotate(image, rng.uniform(-DEGREES, DEGREES))
        varied = varied[:, ::-1] if rng.random() < 0.5 else varied
        noisy: Pixels = img_as_ubyte(random_noise(varied, var=(STD / 255) ** 2, rng=rng) if rng.random() < 0.5 else varied)
        return noisy

    return repeat(lambda _: [vary(image) for image in images])


def pillow(case: Case) -> float:
    """`Image.rotate`, `ImageOps.mirror`, noise by numpy."""
    from PIL import Image, ImageOps

    images, rng = images_of(case.shape), np.random.default_rng(0)

    def vary(image: Pixels) -> Pixels:
        opened = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
        opened = opened.rotate(rng.uniform(-DEGREES, DEGREES), Image.Resampling.BILINEAR)
        varied = np.asarray(ImageOps.mirror(opened) if rng.random() < 0.5 else opened)
        if rng.random() < 0.5:
            varied = np.clip(varied + rng.normal(0, STD, varied.shape), 0, 255).astype(np.uint8)
        return varied

    return repeat(lambda _: [vary(image) for image in images])


def opencv(case: Case) -> float:
    """What one writes by hand: `cv2.warpAffine`, `cv2.flip`, `cv2.randn`, `cv2.add`; nothing can be repeated."""
    images, rng = images_of(case.shape), np.random.default_rng(0)
    height, width, _ = case.shape
    centre = ((width - 1) / 2, (height - 1) / 2)
    noise = np.empty(case.shape, dtype=np.int16)
    mean, std = np.zeros(1), np.full(1, STD)

    def vary(image: Pixels) -> Pixels:
        matrix = cv2.getRotationMatrix2D(centre, rng.uniform(-DEGREES, DEGREES), 1)
        varied = cv2.warpAffine(image, matrix, (width, height)).reshape(case.shape)
        if rng.random() < 0.5:
            varied = cv2.flip(varied, 1).reshape(case.shape)
        if rng.random() < 0.5:
            cv2.randn(noise, mean, std)
            varied = cv2.add(varied, noise, dtype=cv2.CV_8U).reshape(case.shape)
        return varied.astype(np.uint8, copy=False)

    return repeat(lambda _: [vary(image) for image in images])


def limit(case: Case) -> float:
    """A bare warp for each image."""
    images = images_of(case.shape)
    height, width, _ = case.shape
    centre = ((width - 1) / 2, (height - 1) / 2)
    angles = np.random.default_rng(0).uniform(-DEGREES, DEGREES, BATCH)
    matrices = [cv2.getRotationMatrix2D(centre, angle, 1) for angle in angles]
    pairs = list(zip(images, matrices, strict=True))
    return repeat(lambda _: [cv2.warpAffine(image, matrix, (width, height)) for image, matrix in pairs])


CONTENDERS: dict[str, Callable[[Case], float]] = {
    "ours": ours,
    "albumentations": albumentations,
    "keras": keras,
    "scikit_image": scikit_image,
    "pillow": pillow,
    "opencv": opencv,
    "limit": limit,
}
TWO_PROCESSES = "ours, 2 processes"


def run(contender: str, case: Case) -> float:
    """Images per second of one contender in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.augment", contender, case.name]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "NO_ALBUMENTATIONS_UPDATE": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    return float(done.stdout)


def run_two(case: Case) -> float:
    """Images per second of two processes of ours beside one another."""
    with ThreadPoolExecutor(2) as threads:
        return sum(threads.map(lambda _: run("ours", case), range(2)))


def main() -> None:
    if len(sys.argv) > 1:
        contender, name = sys.argv[1:]
        print(CONTENDERS[contender](next(case for case in CASES if case.name == name)))
        return
    for case in CASES:
        speeds: dict[str, list[float]] = {name: [] for name in (*CONTENDERS, TWO_PROCESSES)}
        for _ in range(ROUNDS):
            for name in CONTENDERS:
                speeds[name].append(run(name, case))
            speeds[TWO_PROCESSES].append(run_two(case))
        medians = {name: statistics.median(measured) for name, measured in speeds.items()}
        print(f"\n{case.name}, images/s, median of {ROUNDS} (lowest - highest)")
        for name, measured in sorted(speeds.items(), key=lambda item: -medians[item[0]]):
            print(f"  {name:20} {medians[name]:>10,.0f}  ({min(measured):,.0f} - {max(measured):,.0f})")
        one = medians["ours"]
        best_peer = max(("keras", "scikit_image", "pillow"), key=medians.__getitem__)
        bars = [
            ("albumentations", one / medians["albumentations"], case.of_albumentations),
            ("the limit", one / medians["limit"], case.of_limit),
            ("one process, by two", medians[TWO_PROCESSES] / one, case.of_one_process),
            (f"{best_peer}, the next best", one / medians[best_peer], 1.0),
        ]
        for name, ratio, bar in bars:
            print(f"  {ratio:6.2f} times {name} (bar {bar:g}){'' if ratio >= bar else '  BELOW'}")


if __name__ == "__main__":
    main()
