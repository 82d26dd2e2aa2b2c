import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dataprep.config import MixupConfig
from dataprep.mixing import sample_mixup, superpose_images, superpose_targets
from dataprep.rng import rng_for
from dataprep.stream import one_hot
from tests.conftest import random_image


def test_weights_are_one_where_nothing_is_mixed_and_beta_elsewhere() -> None:
    weights = sample_mixup(20_000, MixupConfig(probability=0.3, alpha=0.4), rng_for(0, "test"))
    mixed = weights < 1
    assert abs(mixed.mean() - 0.3) < 0.02
    assert abs(weights[mixed].mean() - 0.5) < 0.02
    assert abs(weights[mixed].var() - 1 / (4 * (2 * 0.4 + 1))) < 0.01
    assert sample_mixup(50, MixupConfig(probability=0.0, alpha=0.4), rng_for(0, "test")).min() == 1


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=8))
def test_superposition_is_linear_in_images_and_targets(weights: list[float]) -> None:
    count = len(weights)
    weight = np.array(weights, dtype=np.float32)
    first = np.stack([random_image(seed) for seed in range(count)])
    second = np.stack([random_image(100 + seed) for seed in range(count)])
    mixed = superpose_images(first, second, weight)
    expected = weight[:, None, None, None].astype(float) * first + (1 - weight[:, None, None, None].astype(float)) * second
    assert np.abs(mixed - expected).max() <= 0.501
    targets = superpose_targets(one_hot(np.zeros(count, dtype=np.int64), 3), one_hot(np.ones(count, dtype=np.int64), 3), weight)
    assert np.allclose(targets.sum(axis=1), 1)
    assert np.allclose(targets[:, 0], weight)


def test_a_weight_of_one_is_the_first_image() -> None:
    first, second = random_image(1)[np.newaxis], random_image(2)[np.newaxis]
    assert np.array_equal(superpose_images(first, second, np.ones(1, dtype=np.float32)), first)
