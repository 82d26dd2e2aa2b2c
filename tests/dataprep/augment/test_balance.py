import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.augment.balance import copies_per_class, repeats_per_class, repeats_per_image, shown_per_class, total_per_class
from dataprep.config.augment import AugmentConfig
from dataprep.core.rng import stable_hashes
from tests.dataprep.augment.augmenting import NOTHING


def balanced(balance: str, fraction: float = 0.5, copies: int = 0) -> AugmentConfig:
    return NOTHING.model_copy(update={"balance": balance, "balance_fraction": fraction, "copies": copies})


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (balanced("none"), [100, 30, 7]),
        (balanced("oversample"), [100, 100, 100]),
        (balanced("to_fraction", 0.5), [100, 50, 50]),
        (balanced("to_fraction", 0.2), [100, 30, 20]),
    ],
)
def test_rare_classes_are_shown_more_often(config: AugmentConfig, expected: list[int]) -> None:
    assert shown_per_class(np.array([100, 30, 7]), config).tolist() == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (balanced("none", copies=2), [300, 90, 21]),
        (balanced("oversample", copies=2), [300, 300, 300]),
        (balanced("to_fraction", 0.5, copies=1), [200, 100, 100]),
    ],
)
def test_copies_and_draws_together_keep_the_balance(config: AugmentConfig, expected: list[int]) -> None:
    assert shown_per_class(np.array([100, 30, 7]), config).tolist() == expected


@given(st.lists(st.integers(0, 3), min_size=1, max_size=200), st.floats(0.01, 1.0))
def test_what_images_are_shown_comes_to_what_their_class_is_to_have(labels: list[int], fraction: float) -> None:
    config, own = balanced("to_fraction", fraction), np.array(labels)
    counts = np.bincount(own, minlength=4)
    keys = stable_hashes([str(number) for number in range(len(labels))])
    per_class = repeats_per_class(counts, config)
    repeats = repeats_per_image(own, keys, per_class, 0, 1)
    assert repeats.min() >= 1
    assert (
        np.bincount(own, weights=repeats, minlength=4).astype(int).tolist()
        == total_per_class(counts, repeats_per_class(counts, config)).tolist()
    )
    for label in range(4):
        of_class = repeats[own == label]
        assert len(of_class) == 0 or of_class.max() - of_class.min() <= 1


def test_who_is_shown_once_more_changes_with_the_epoch_and_not_with_the_order() -> None:
    labels = np.array([0] * 50 + [1] * 20)
    keys = stable_hashes([str(number) for number in range(70)])
    per_class = repeats_per_class(np.bincount(labels), balanced("oversample"))
    first = repeats_per_image(labels, keys, per_class, 0, 1)
    assert not np.array_equal(first, repeats_per_image(labels, keys, per_class, 0, 2))
    order = np.random.default_rng(0).permutation(70)
    assert np.array_equal(repeats_per_image(labels[order], keys[order], per_class, 0, 1), first[order])


@pytest.mark.parametrize("counts", [[100, 30, 7], [7, 1, 0], [3000, 1, 20]])
@pytest.mark.parametrize("config", [balanced("oversample", copies=1), balanced("to_fraction", 0.25, copies=1)])
def test_what_is_shown_with_copies_is_what_is_stored_and_then_shown(counts: list[int], config: AugmentConfig) -> None:
    labels = np.repeat(np.arange(3), counts)
    keys = stable_hashes([str(number) for number in range(len(labels))])
    copies = repeats_per_image(labels, keys, copies_per_class(np.array(counts), config), 0, "copies")
    stored = np.array(counts) + np.bincount(labels, weights=copies, minlength=3).astype(int)
    shown = total_per_class(stored, repeats_per_class(stored, config))
    assert shown_per_class(np.array(counts), config).tolist() == shown.tolist()
