import numpy as np
import pytest

from models.evaluate.feature_table import COMPONENTS, feature_frame, matrix, principal_components


def outputs(rows: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(rows, width)) * np.linspace(5, 0.1, width)).astype(np.float32)


def test_components_keep_distances_and_come_by_variance() -> None:
    seen = outputs(300, 10)
    reduced = principal_components(seen).reduce(seen)
    assert reduced.shape == (300, 10)
    before = np.linalg.norm(seen[:50, None] - seen[None, :50], axis=2)
    after = np.linalg.norm(reduced[:50, None] - reduced[None, :50], axis=2)
    assert after == pytest.approx(before, rel=0.01, abs=0.01)
    spread = reduced.std(axis=0)
    assert list(spread) == sorted(spread, reverse=True)


@pytest.mark.parametrize("width", [64, 2000])
def test_a_wide_layer_keeps_the_first_components(width: int) -> None:
    seen = outputs(200, width)
    assert principal_components(seen).reduce(seen).shape == (200, COMPONENTS)


def test_a_layer_that_says_nothing_has_no_components() -> None:
    assert principal_components(np.ones((20, 8), np.float32)).reduce(np.ones((20, 8), np.float32)).shape[1] == 0


def test_the_sign_of_a_component_does_not_depend_on_the_order_of_images() -> None:
    seen = outputs(100, 6)
    one, other = principal_components(seen), principal_components(seen[::-1].copy())
    assert one.axes == pytest.approx(other.axes, abs=1e-4)


def test_a_table_holds_what_it_was_made_of() -> None:
    features = outputs(5, 3)
    frame = feature_frame(list("abcde"), features)
    assert frame.columns == ["id", "feature_000", "feature_001", "feature_002"]
    assert (matrix(frame) == features).all()
    assert matrix(feature_frame(["a"], np.zeros((1, 0), np.float32))).shape == (1, 0)
