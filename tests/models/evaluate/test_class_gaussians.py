import numpy as np
import pytest

from models.evaluate.class_gaussians import fit_gaussians

RNG = np.random.default_rng(0)
LABELS = np.arange(3000) % 3
CENTRES = np.array([[0, 0, 0, 0], [8, 0, 0, 0], [0, 8, 0, 0]], np.float32)


def drawn(labels: np.ndarray) -> np.ndarray:
    noise: np.ndarray = RNG.normal(size=(len(labels), 4)) * np.array([1, 1, 0.1, 1])
    return np.asarray(CENTRES[labels] + noise, np.float32)


def test_images_of_a_class_lie_at_about_one_and_others_farther() -> None:
    gaussians = fit_gaussians(drawn(LABELS), LABELS, 3)
    fresh = drawn(LABELS)
    own, other = gaussians.distances(fresh, LABELS), gaussians.distances(fresh, (LABELS + 1) % 3)
    assert np.sqrt((own**2).mean()) == pytest.approx(1, abs=0.05)
    assert other.min() > np.quantile(own, 0.99)


def test_what_hardly_varies_counts_as_much_as_what_varies() -> None:
    gaussians = fit_gaussians(drawn(LABELS), LABELS, 3)
    moved = CENTRES[:1] + np.array([[0, 0, 0.6, 0]], np.float32)  # six deviations
    assert gaussians.distances(moved, np.array([0]))[0] > 2.5


def test_few_images_a_constant_and_a_class_without_images_give_numbers() -> None:
    features = drawn(LABELS[:6])
    features[:, 1] = 7
    gaussians = fit_gaussians(features, LABELS[:6] % 2, 3)
    found = gaussians.distances(features, np.array([0, 1, 2, 0, 1, 2]))
    assert np.isfinite(found).all()
    one = fit_gaussians(np.ones((1, 4), np.float32), np.array([0]), 2)
    assert np.isfinite(one.distances(np.zeros((2, 4), np.float32), np.array([0, 1]))).all()


@pytest.mark.slow
def test_a_wide_layer_and_many_classes_are_held_small() -> None:
    features = RNG.normal(size=(300, 2500)).astype(np.float32)
    gaussians = fit_gaussians(features, np.arange(300) % 100, 200)
    assert gaussians.whitening.size <= 2**21
    again = fit_gaussians(features, np.arange(300) % 100, 200)
    assert np.array_equal(gaussians.whitening, again.whitening)
