import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_limits

from models.report.feature_map import SIDE, draw_map
from models.report.nearest import nearest_train_images
from tests.models.report.made_up_page import VALIDATION, features_of

pytestmark = pytest.mark.processes  # scikit-learn asks the machine for its cores


def made_up_features(count: int) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    values = (rng.normal(size=(3, 4))[np.arange(count) % 3] * 20 + rng.normal(size=(count, 4))).astype(np.float32)
    columns = {f"feature_{number:03d}": values[:, number] for number in range(4)}
    return pl.DataFrame({"id": [f"{number:04d}" for number in range(count)], **columns})


def test_what_is_alike_lies_together() -> None:
    features = made_up_features(90)
    drawn = draw_map(features)
    places = np.array([drawn[image_id] for image_id in features["id"]])
    assert places.min() == 0
    assert places.max() == SIDE
    centres = np.stack([places[group::3].mean(axis=0) for group in range(3)])
    own = [np.linalg.norm(places[group::3] - centres[group], axis=1).max() for group in range(3)]
    apart = [np.linalg.norm(centres[one] - centres[other]) for one, other in ((0, 1), (0, 2), (1, 2))]
    assert max(own) < min(apart) / 2


def test_the_map_is_the_same_on_one_thread_and_on_many() -> None:
    features = made_up_features(60)
    with threadpool_limits(1):
        alone = draw_map(features)
    with threadpool_limits(4):
        assert draw_map(features) == alone


@pytest.mark.parametrize("count", [0, 1, 2, 7, 9])
def test_few_images_have_a_map_too(count: int) -> None:
    assert len(draw_map(made_up_features(count))) == count


def test_images_without_any_difference_and_a_single_feature_have_a_map() -> None:
    same = pl.DataFrame({"id": [f"{number:02d}" for number in range(20)], "feature_000": np.zeros(20, dtype=np.float32)})
    assert set(draw_map(same).values()) == {(SIDE // 2, SIDE // 2)}


def test_a_large_map_is_of_images_chosen_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.report.feature_map.MOST_POINTS", 20)
    chosen = draw_map(made_up_features(60))
    assert len(chosen) == 20
    assert chosen.keys() != set(made_up_features(20)["id"])


def test_the_nearest_train_images_are_the_nearest_and_never_the_image_itself() -> None:
    train = pl.DataFrame({"id": ["p", "q", "r"], "f": np.array([0.0, 1.0, 5.0], np.float32), "g": np.zeros(3, np.float32)})
    near = nearest_train_images(train.with_columns(f=pl.Series([0.1, 1.0, 4.0], dtype=pl.Float32)), train, 2)
    assert near == {"p": ["q", "r"], "q": ["p", "r"], "r": ["q", "p"]}
    features = features_of(VALIDATION)
    assert nearest_train_images(features.head(2), features.clear(), 2) == {key: [] for key in features["id"].head(2)}
