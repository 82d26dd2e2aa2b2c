"""One conformance suite over all operations; what each operation does by itself; and that nothing depends on the order."""

import multiprocessing
import subprocess
import sys
from functools import partial

import albumentations
import cv2
import numpy as np
import pytest
from scipy import stats

from dataprep.augment.apply import augment_images
from dataprep.augment.drawn_parameters import Strength, alone, sample_variation, suited_operations
from dataprep.config.augment import OPERATIONS, AugmentConfig
from dataprep.core.rng import stable_hashes
from dataprep.decode.image import Pixels, digest_pixels
from tests.dataprep.augment.augmenting import AUGMENT, EVERYTHING, KEYS, NOTHING, config_with, smooth_stack, stack

CHANNELS = [1, 3]
SUITED = [(name, channels) for channels in CHANNELS for name in suited_operations(channels)]


@pytest.mark.parametrize("channels", CHANNELS)
def test_no_probability_is_the_identity(channels: int) -> None:
    images = stack(channels)
    varied = augment_images(images, KEYS[:40], NOTHING, epoch=1)
    assert np.array_equal(varied, images)
    assert not np.shares_memory(varied, images)


@pytest.mark.parametrize("strength", ["weakest", "strongest", "random"])
@pytest.mark.parametrize(("name", "channels"), SUITED)
def test_an_operation_keeps_shape_and_type_repeats_itself_and_leaves_its_input(
    name: str, channels: int, strength: Strength
) -> None:
    images = stack(channels, shape=(24, 31))
    before = images.copy()
    config = alone(AUGMENT, name, strength)
    varied = augment_images(images, KEYS[:40], config, epoch=1)
    assert (varied.shape, varied.dtype.name) == (images.shape, "uint8")
    assert np.array_equal(images, before)
    assert np.array_equal(augment_images(images, KEYS[:40], config, epoch=1), varied)
    if strength == "strongest":
        assert all(not np.array_equal(one, other) for one, other in zip(varied, images, strict=True))


@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.ranges()])
@pytest.mark.parametrize("channels", CHANNELS)
def test_an_operation_at_its_neutral_value_is_the_identity(name: str, channels: int) -> None:
    images = stack(channels)
    neutral = [OPERATIONS[name].neutral] * 2
    config = config_with(**{name: dict[str, object].fromkeys(OPERATIONS[name].ranges().values(), neutral)})
    assert np.array_equal(augment_images(images, KEYS[:40], config, epoch=1), images)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_happens_as_often_as_its_probability_says(name: str) -> None:
    keys = stable_hashes([str(number) for number in range(20_000)])
    happens = sample_variation(keys, config_with(**{name: {"probability": 0.3}}), epoch=1)[name].happens
    assert abs(happens.mean() - 0.3) < 0.015


@pytest.mark.parametrize(("name", "channels"), SUITED)
def test_an_operation_leaves_the_images_to_which_it_does_not_happen(name: str, channels: int) -> None:
    images = stack(channels, count=100)
    config = config_with(**{name: {"probability": 0.5}})
    happens = sample_variation(KEYS[:100], config, epoch=1)[name].happens
    varied = augment_images(images, KEYS[:100], config, epoch=1)
    assert 30 < happens.sum() < 70
    assert np.array_equal(varied[~happens], images[~happens])


@pytest.mark.parametrize("channels", CHANNELS)
def test_forwards_backwards_shuffled_and_one_by_one_are_the_same(channels: int) -> None:
    images, keys = stack(channels), KEYS[:40]
    whole = augment_images(images, keys, EVERYTHING, epoch=3)
    assert not np.array_equal(whole, images)
    assert np.array_equal(augment_images(images[::-1], keys[::-1], EVERYTHING, epoch=3)[::-1], whole)
    order = np.random.default_rng(0).permutation(40)
    assert np.array_equal(augment_images(images[order], keys[order], EVERYTHING, epoch=3), whole[order])
    for row in range(40):
        alone_again = augment_images(images[row : row + 1], keys[row : row + 1], EVERYTHING, epoch=3)
        assert np.array_equal(alone_again[0], whole[row])


def varied_batch(rows: slice, images: Pixels, keys: np.ndarray, config: AugmentConfig) -> Pixels:
    return augment_images(images[rows], keys[rows], config, epoch=2, copy=1)


def test_images_have_one_digest_for_any_workers_batch_size_and_direction() -> None:
    images, keys = stack(3, count=250), stable_hashes([f"{number}.png" for number in range(250)])
    config = EVERYTHING.model_copy(
        update={"channel_shuffle": EVERYTHING.channel_shuffle.model_copy(update={"probability": 0.4})}
    )
    digests = set()
    for batch_size in (1, 7, 64):
        batches = [slice(start, start + batch_size) for start in range(0, 250, batch_size)]
        for workers in (1, 2, 4) if batch_size == 64 else (1,):
            vary = partial(varied_batch, images=images, keys=keys, config=config)
            for turned in (False, True):
                asked = batches[::-1] if turned else batches
                if workers == 1:
                    done = list(map(vary, asked))
                else:
                    with multiprocessing.get_context("spawn").Pool(workers) as pool:
                        done = pool.map(vary, asked, chunksize=1)
                digests.add(digest_pixels(np.concatenate(done[::-1] if turned else done)))
    assert len(digests) == 1


def test_another_epoch_copy_or_seed_is_another_variation() -> None:
    images, keys = stack(1), KEYS[:40]
    other_seed = EVERYTHING.model_copy(update={"seed": 9})
    variations = [
        augment_images(images, keys, EVERYTHING, epoch=1),
        augment_images(images, keys, EVERYTHING, epoch=2),
        augment_images(images, keys, EVERYTHING, epoch=1, copy=1),
        augment_images(images, keys, other_seed, epoch=1),
    ]
    for first in range(4):
        for second in range(first):
            assert not np.array_equal(variations[first], variations[second])


def test_parameters_are_spread_evenly_over_their_range() -> None:
    keys = stable_hashes([str(number) for number in range(20_000)])
    degrees = sample_variation(keys, EVERYTHING, epoch=1)["rotation"].values["degrees"]
    assert degrees.min() >= -30
    assert degrees.max() <= 20
    counts, _ = np.histogram(degrees, bins=10, range=(-30, 20))
    assert np.abs(counts / counts.mean() - 1).max() < 0.1


def test_draws_of_two_operations_are_independent() -> None:
    keys = stable_hashes([str(number) for number in range(20_000)])
    variation = sample_variation(keys, EVERYTHING, epoch=1)
    drawn = [values for operation in variation.values() for values in operation.values.values()]
    drawn += [operation.happens.astype(float) for operation in variation.values()]
    correlations = np.corrcoef(drawn) - np.eye(len(drawn))
    assert np.abs(correlations).max() < 0.035  # five standard deviations of what chance alone gives


def test_angles_flips_and_noise_are_distributed_as_those_of_albumentations() -> None:
    """Both are asked for 3,000 variations of one image; their draws differ no more than by chance."""
    compose = albumentations.Compose(
        [
            albumentations.Rotate(limit=15, p=0.7),
            albumentations.HorizontalFlip(p=0.5),
            albumentations.GaussNoise(std_range=(8 / 255, 8 / 255), p=0.5),
        ],
        seed=0,
        save_applied_params=True,
    )
    gray = np.full((10, 10, 1), 128, dtype=np.uint8)
    theirs = [dict(compose(image=gray)["applied_transforms"]) for _ in range(3000)]
    matrices = [applied["Rotate"]["matrix"] for applied in theirs if "Rotate" in applied]
    their_degrees = [float(np.degrees(np.arctan2(matrix[0, 1], matrix[0, 0]))) for matrix in matrices]
    config = config_with(
        rotation={"probability": 0.7, "degrees": [-15.0, 15.0]},
        horizontal_flip={"probability": 0.5},
        noise={"probability": 0.5, "std": [8.0, 8.0]},
    )
    ours = sample_variation(stable_hashes([str(number) for number in range(3000)]), config, epoch=1)
    our_degrees = ours["rotation"].values["degrees"][ours["rotation"].happens]
    assert stats.ks_2samp(our_degrees, their_degrees).pvalue > 0.001
    for name, their_name in (("rotation", "Rotate"), ("horizontal_flip", "HorizontalFlip"), ("noise", "GaussNoise")):
        counts = [int(ours[name].happens.sum()), sum(their_name in applied for applied in theirs)]
        assert stats.fisher_exact([counts, [3000 - count for count in counts]]).pvalue > 0.001
        together = ours[name].happens & ours["rotation"].happens
        assert abs(together.mean() - ours[name].happens.mean() * (0.7 if name != "rotation" else 1)) < 0.04


def test_brightness_and_contrast_are_those_of_their_formula() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    brighter = augment_images(levels, KEYS[:1], config_with(brightness={"fraction": [0.2, 0.2]}), epoch=1)
    assert np.abs(brighter - np.clip(levels + 51.0, 0, 255)).max() <= 1
    harder = augment_images(levels, KEYS[:1], config_with(contrast={"factor": [1.5, 1.5]}), epoch=1)
    assert np.abs(harder - np.clip(127.5 + 1.5 * (levels - 127.5), 0, 255)).max() <= 1


def test_inversion_and_another_order_of_the_channels() -> None:
    images = stack(3)
    assert np.array_equal(augment_images(images, KEYS[:40], config_with(inversion={}), epoch=1), 255 - images)
    shuffled = augment_images(images, KEYS[:40], config_with(channel_shuffle={}), epoch=1)
    assert np.array_equal(np.sort(shuffled, axis=-1), np.sort(images, axis=-1))
    orders = {
        tuple(int(np.flatnonzero((image == one[..., c : c + 1]).all(axis=(0, 1)))[0]) for c in range(3))
        for image, one in zip(images, shuffled, strict=True)
    }
    assert len(orders) == 5


def test_erasing_covers_the_fraction_that_was_drawn_with_the_fill() -> None:
    images = np.full((40, 40, 50, 1), 200, dtype=np.uint8)
    config = config_with(erasing={"fraction": [0.2, 0.2]}).model_copy(update={"fill": 7})
    erased = augment_images(images, KEYS[:40], config, epoch=1) == 7
    assert np.abs(erased.mean(axis=(1, 2, 3)) - 0.2).max() < 0.02
    rows, columns = erased.any(axis=2).sum(axis=1), erased.any(axis=1).sum(axis=1)
    assert np.array_equal(rows * columns, erased.sum(axis=(1, 2)))  # a rectangle each
    assert len(np.unique(rows)) > 10


@pytest.mark.parametrize(("ink", "paper", "level"), [("light", 0, 255), ("dark", 255, 0)])
def test_pen_width_moves_both_edges_of_a_stroke(ink: str, paper: int, level: int) -> None:
    image = np.full((1, 20, 20, 1), paper, dtype=np.uint8)
    image[0, :, 8:12] = level

    def width(px: float) -> float:
        varied = augment_images(image, KEYS[:1], config_with(pen_width={"px": [px, px], "ink": ink}), epoch=1)
        return float(np.abs(varied[0, 10].astype(float) - paper).sum() / 255)

    assert [width(px) for px in (-1.0, 0.0, 1.0, 2.0)] == [2, 4, 6, 8]
    assert abs(width(0.5) - 5) < 0.02
    assert abs(width(-0.5) - 3) < 0.02


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("sigma", [0.4, 1.5])
def test_gaussian_blur_is_albumentations_own(sigma: float, channels: int) -> None:
    images = stack(channels, count=3)
    blurred = augment_images(images, KEYS[:3], config_with(gaussian_blur={"sigma_px": [sigma, sigma]}), epoch=1)
    theirs = albumentations.GaussianBlur(sigma_limit=(sigma, sigma), blur_limit=0, p=1.0)
    assert np.array_equal(blurred, np.stack([theirs(image=image)["image"].reshape(image.shape) for image in images]))


def test_motion_blur_spreads_a_point_over_its_length_and_keeps_its_light() -> None:
    point = np.zeros((30, 21, 21, 1), dtype=np.uint8)
    point[:, 10, 10] = 210
    for length in (3.0, 4.0, 7.0):
        blurred = augment_images(point, KEYS[:30], config_with(motion_blur={"length_px": [length, length]}), epoch=1)
        assert np.abs(blurred.sum(axis=(1, 2, 3)).astype(int) - 210).max() <= 7
        assert (blurred > 0).any(axis=2).sum(axis=1).max() == 2 * np.ceil((length - 1) / 2) + 1


@pytest.mark.parametrize("name", ["elastic", "grid_distortion"])
def test_distortions_move_pixels_a_little_and_differ_from_image_to_image(name: str) -> None:
    images = np.repeat(smooth_stack(count=1), 20, axis=0)
    varied = augment_images(images, KEYS[:20], alone(AUGMENT, name, "strongest"), epoch=1)
    difference = np.abs(varied.astype(int) - images)[:, 4:-4, 4:-4]
    assert 1 < difference.mean() < 40
    assert len({image.tobytes() for image in varied}) == 20


def test_elastic_distortion_is_albumentations_own_for_its_field() -> None:
    """The field of a generator, smoothed and scaled as albumentations does it, moves the pixels."""
    image = smooth_stack(count=1)
    config = config_with(elastic={"strength": [30.0, 30.0], "smoothness_px": 3.0})
    ours = augment_images(image, KEYS[:1], config, epoch=1)
    again = augment_images(255 - image, KEYS[:1], config.model_copy(update={"fill": 255}), epoch=1)
    assert np.abs(ours.astype(int) - (255 - again.astype(int))).max() <= 1  # the same field whatever the image shows
    theirs = albumentations.ElasticTransform(alpha=30, sigma=3, p=1.0)(image=image[0])["image"]
    moved = [float(np.abs(one.astype(int) - image[0]).mean()) for one in (ours[0], theirs)]
    assert 0.5 < moved[0] / moved[1] < 2


def test_albumentations_is_loaded_where_it_is_needed_and_asks_no_network() -> None:
    script = (
        "import sys, os, numpy as np; os.environ.pop('NO_ALBUMENTATIONS_UPDATE', None);"
        "from dataprep.augment.apply import augment_images; "
        "from tests.dataprep.augment.augmenting import KEYS, config_with, stack;"
        "loaded = lambda: print('albumentations' in sys.modules);"
        "augment_images(stack(), KEYS[:40], config_with(rotation={}, noise={}), epoch=1); loaded();"
        "augment_images(stack(), KEYS[:40], config_with(erasing={}), epoch=1); loaded();"
        "print(os.environ['NO_ALBUMENTATIONS_UPDATE'])"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True", "1"]


def test_opencv_gives_the_same_pixels_with_one_thread_and_several() -> None:
    images = stack(3, count=40, shape=(70, 80))
    before = cv2.getNumThreads()
    try:
        digests = set()
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            digests.add(digest_pixels(augment_images(images, KEYS[:40], EVERYTHING, epoch=1)))
    finally:
        cv2.setNumThreads(before)
    assert len(digests) == 1
