import albumentations
import numpy as np
import pytest
from scipy import stats

from dataprep.augment.apply import augment_images
from dataprep.core.rng import stable_hashes
from tests.dataprep.augment.augmenting import KEYS, config_with


def noise_of(std: float, shape: tuple[int, int, int], count: int = 40) -> np.ndarray:
    gray = np.full((count, *shape), 128, dtype=np.uint8)
    noisy = augment_images(gray, KEYS[:count], config_with(noise={"std": [std, std]}), epoch=1)
    return noisy.astype(int) - 128


@pytest.mark.parametrize("shape", [(28, 28, 1), (96, 96, 1), (224, 224, 3)])
def test_noise_is_gaussian_of_the_stated_deviation_as_albumentations_makes_it(shape: tuple[int, int, int]) -> None:
    ours = noise_of(20.0, shape, count=10)
    assert abs(ours.mean()) < 0.5
    assert abs(ours.std() - 20) < 0.5
    theirs = albumentations.GaussNoise(std_range=(20 / 255, 20 / 255), mean_range=(0, 0), per_channel=True, p=1.0)
    theirs.set_random_seed(0)
    other = theirs(image=np.full(shape, 128, dtype=np.uint8))["image"].astype(int) - 128
    assert stats.ks_2samp(ours[0].ravel(), other.ravel()).statistic < 2.5 / np.sqrt(min(ours[0].size, 20_000))


def test_two_images_have_noise_of_their_own() -> None:
    noise = noise_of(20.0, (28, 28, 1)).reshape(40, -1)
    correlations = np.corrcoef(noise) - np.eye(40)
    assert np.abs(correlations).max() < 0.2


def test_noise_is_cut_at_black_and_white() -> None:
    images = np.stack([np.full((20, 20, 1), 250, dtype=np.uint8), np.full((20, 20, 1), 5, dtype=np.uint8)])
    noisy = augment_images(images, KEYS[:2], config_with(noise={"std": [20.0, 20.0]}), epoch=1)
    assert (noisy[0].max(), noisy[1].min()) == (255, 0)
    assert noisy[0].min() > 150
    assert noisy[1].max() < 105


def test_the_deviation_is_drawn_from_its_range() -> None:
    keys = stable_hashes([str(number) for number in range(300)])
    gray = np.full((300, 40, 40, 1), 128, dtype=np.uint8)
    noisy = augment_images(gray, keys, config_with(noise={"std": [5.0, 25.0]}), epoch=1)
    deviations = noisy.astype(float).std(axis=(1, 2, 3))
    assert stats.kstest(deviations, "uniform", args=(5, 20)).pvalue > 0.001


@pytest.mark.parametrize("channels", [1, 3])
def test_salt_and_pepper_fall_on_the_stated_fraction_of_whole_pixels(channels: int) -> None:
    gray = np.full((40, 50, 50, channels), 128, dtype=np.uint8)
    config = config_with(salt_and_pepper={"fraction": [0.1, 0.1]})
    spoilt = augment_images(gray, KEYS[:40], config, epoch=1)
    white, black = (spoilt == 255).all(axis=3), (spoilt == 0).all(axis=3)
    assert abs(white.mean() - 0.05) < 0.005
    assert abs(black.mean() - 0.05) < 0.005
    assert (white | black | (spoilt == 128).all(axis=3)).all()
