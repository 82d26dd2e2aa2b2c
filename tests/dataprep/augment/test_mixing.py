import numpy as np
import pytest

from dataprep.augment.mixing import (
    CUTMIX,
    MIXUP,
    NOT_MIXED,
    SUPERPOSE,
    Mixing,
    mix_images,
    mix_targets,
    mix_weights,
    rectangle,
    sample_mixing,
)
from dataprep.config.augment import AugmentConfig
from dataprep.core.rng import rng_for
from dataprep.feed.batches import one_hot
from tests.dataprep.augment.augmenting import config_with, stack

LABELS = np.arange(40) % 4


def mixed(config: AugmentConfig, channels: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray, Mixing]:
    images = stack(channels, shape=(12, 18))
    mixing = sample_mixing(LABELS, config, rng_for(0, "test"))
    return images, mix_images(images, mixing, config.superpose), mix_targets(one_hot(LABELS, 4), mixing, (12, 18)), mixing


def test_an_image_gets_one_of_them_as_often_as_their_probabilities_say() -> None:
    config = config_with(
        mixup={"probability": 0.2, "alpha": 0.4}, cutmix={"probability": 0.3}, superpose={"probability": 0.1, "num_images": 3}
    )
    labels = np.arange(20_000) % 7
    mixing = sample_mixing(labels, config, rng_for(0, "test"))
    for kind, share in ((MIXUP, 0.2), (CUTMIX, 0.3), (SUPERPOSE, 0.1), (NOT_MIXED, 0.4)):
        assert abs((mixing.kind == kind).mean() - share) < 0.015
    weights = mixing.weights[mixing.kind == MIXUP]
    assert abs(weights.mean() - 0.5) < 0.02
    assert abs(weights.var() - 1 / (4 * (2 * 0.4 + 1))) < 0.01
    assert (mixing.weights[mixing.kind == NOT_MIXED] == 1).all()


@pytest.mark.parametrize("name", ["mixup", "cutmix", "superpose"])
@pytest.mark.parametrize("channels", [1, 3])
def test_mixing_keeps_shape_and_type_repeats_itself_and_leaves_its_input(name: str, channels: int) -> None:
    config = config_with(**{name: {}})
    images, after, targets, _ = mixed(config, channels)
    assert (after.shape, after.dtype.name) == (images.shape, "uint8")
    assert (targets.shape, targets.dtype.name) == ((40, 4), "float32")
    assert np.array_equal(images, stack(channels, shape=(12, 18)))
    assert np.array_equal(after, mixed(config, channels)[1])
    assert not np.array_equal(after, images)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_a_mixture_weighs_what_its_parts_do_by_their_share_of_the_label(name: str) -> None:
    _, _, targets, mixing = mixed(config_with(**{name: {}}))
    of_class = np.array([1, 2, 4, 8], dtype=np.float32)
    assert mix_weights(of_class[LABELS], mixing, (12, 18)) == pytest.approx(targets @ of_class, rel=1e-6)


def test_a_superposition_weighs_the_mean_of_its_images() -> None:
    _, _, targets, mixing = mixed(config_with(superpose={"num_images": 3}))
    of_class = np.array([1, 2, 4, 8], dtype=np.float32)
    weights = mix_weights(of_class[LABELS], mixing, (12, 18))
    assert weights.dtype == np.float32
    assert weights == pytest.approx(targets @ of_class / 3, rel=1e-6)


def test_no_probability_is_the_identity() -> None:
    images, after, targets, _ = mixed(config_with())
    assert np.array_equal(after, images)
    assert np.array_equal(targets, one_hot(LABELS, 4))


def test_mixup_is_linear_in_images_and_targets() -> None:
    images, after, targets, mixing = mixed(config_with(mixup={"alpha": 0.7}))
    weight, other = mixing.weights[:, None, None, None], images[mixing.partners[:, 0]]
    assert np.abs(after - (weight * images + (1 - weight) * other)).max() <= 0.51
    assert np.allclose(targets.sum(axis=1), 1)
    both = weight[:, 0, 0] * one_hot(LABELS, 4) + (1 - weight[:, 0, 0]) * one_hot(LABELS[mixing.partners[:, 0]], 4)
    assert np.allclose(targets, both)


def test_cutmix_takes_a_rectangle_and_labels_by_area() -> None:
    images, after, targets, mixing = mixed(config_with(cutmix={"alpha": 1.0}))
    for row in range(40):
        top, left, bottom, right = rectangle(mixing.weights[row], mixing.places[row], (12, 18))
        other = mixing.partners[row, 0]
        assert np.array_equal(after[row, top:bottom, left:right], images[other, top:bottom, left:right])
        outside = np.ones((12, 18), dtype=bool)
        outside[top:bottom, left:right] = False
        assert np.array_equal(after[row][outside], images[row][outside])
        if LABELS[other] != LABELS[row]:
            assert targets[row, LABELS[row]] == pytest.approx(outside.mean())
    assert np.allclose(targets.sum(axis=1), 1)


@pytest.mark.parametrize(("num_images", "combine"), [(2, "mean"), (3, "mean"), (2, "sum"), (4, "sum")])
def test_a_superposition_has_the_union_of_different_labels(num_images: int, combine: str) -> None:
    images, after, targets, mixing = mixed(config_with(superpose={"num_images": num_images, "combine": combine}))
    rows = np.column_stack([np.arange(40), mixing.partners])
    assert all(len(set(LABELS[own])) == num_images for own in rows)
    assert np.array_equal(targets, one_hot(LABELS[rows].ravel(), 4).reshape(40, num_images, 4).max(axis=1))
    total = images[rows].astype(float).sum(axis=1)
    expected = total / num_images if combine == "mean" else np.minimum(total, 255)
    assert np.abs(after - expected).max() <= 0.5


@pytest.mark.parametrize("num_images", [2, 5, 8, 10])
def test_every_image_finds_partners_where_there_are_enough_classes(num_images: int) -> None:
    labels = np.concatenate([np.zeros(900, dtype=np.int64), np.arange(1, 10), np.full(91, 5)])
    mixing = sample_mixing(labels, config_with(superpose={"num_images": num_images}), rng_for(0, "test"))
    assert (mixing.kind == SUPERPOSE).all()
    classes = np.sort(labels[np.column_stack([np.arange(1000), mixing.partners])], axis=1)
    assert (classes[:, 1:] > classes[:, :-1]).all()


def test_partners_are_drawn_as_often_as_their_class_is_large() -> None:
    labels = np.repeat([0, 1, 2], [1000, 3000, 1000])
    mixing = sample_mixing(labels, config_with(superpose={"num_images": 2}), rng_for(0, "test"))
    partners = mixing.partners[labels == 0, 0]
    assert abs((labels[partners] == 1).mean() - 0.75) < 0.05
    assert len(np.unique(partners)) > 700  # any image of a class


def test_a_mixture_of_more_classes_than_there_are_is_none() -> None:
    mixing = sample_mixing(np.zeros(10, dtype=np.int64), config_with(superpose={}), rng_for(0, "test"))
    assert (mixing.kind == NOT_MIXED).all()


def test_a_weight_of_one_is_the_first_image() -> None:
    assert rectangle(1.0, np.array([0.5, 0.5]), (12, 18)) == (6, 9, 6, 9)
    assert rectangle(0.0, np.array([0.5, 0.5]), (12, 18)) == (0, 0, 12, 18)
