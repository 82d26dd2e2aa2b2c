import numpy as np
import pytest

from models.evaluate.image_facts import measure_figures
from models.evaluate.unlike import ALARMS, Unlike, choose_limit
from models.evaluate.usual_facts import (
    LOOSENESS,
    NAMES,
    UsualFacts,
    figures_of_files,
    quantiles_of,
    usual_facts,
)
from tests.conftest import random_image

TRAIN = np.random.default_rng(0).uniform(100, 200, (2000, len(NAMES)))


def facts(looseness: float = 0.0) -> UsualFacts:
    return usual_facts(TRAIN, quantiles_of(TRAIN), looseness)


def usual() -> np.ndarray:
    return np.full(len(NAMES), 150.0)


@pytest.mark.parametrize(
    ("name", "figure", "words"),
    [
        ("stroke_width", 99.0, "strokes thinner than every training image"),
        ("stroke_width", 100.5, "strokes thinner than 99."),
        ("brightness", 50.0, "darker than every training image"),
        ("brightness", 199.9, "brighter than 99."),
        ("ink_fraction", 500.0, "more ink than every training image"),
        ("width", 401.0, "wider than every training image"),
        ("aspect", 80.0, "taller in proportion than every training image"),
    ],
)
def test_it_is_said_in_words_how_an_image_differs(name: str, figure: float, words: str) -> None:
    figures = usual()
    figures[NAMES.index(name)] = figure
    [said] = facts(-0.01).words(figures)
    assert said.startswith(words)
    assert said.endswith("training image" if "every" in words else "% of the training images")
    assert facts().words(usual()) == []


def test_a_wider_range_calls_less_outside_and_a_missing_figure_is_inside() -> None:
    fresh = np.random.default_rng(1).uniform(99, 201, (2000, len(NAMES)))
    counts = [int(facts(looseness).outside(fresh).sum()) for looseness in LOOSENESS]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 100
    assert counts[-1] == 0
    assert not facts().outside(np.full((1, len(NAMES)), np.nan)).any()


def test_files_up_to_twice_as_large_are_usual() -> None:
    figures = np.tile(usual(), (3, 1))
    figures[:, -3:] = figures_of_files(np.array([28.0, 56.0, 57.0]), np.array([28.0, 56.0, 57.0]))
    train = figures[[0]]
    assert usual_facts(train, quantiles_of(train), 0.0).outside(figures).tolist() == [False, False, True]


def test_train_images_that_are_all_equal_leave_room_for_nearly_equal_ones() -> None:
    train = np.tile(usual(), (9, 1))
    found = usual_facts(train, quantiles_of(train), 0.0)
    near = usual()
    near[NAMES.index("brightest")] -= 3
    far = usual()
    far[NAMES.index("brightest")] -= 5
    assert found.outside(np.stack([near, far])).tolist() == [False, True]


def test_figures_are_those_of_the_prepared_image() -> None:
    images = np.stack([random_image(seed, (12, 12, 1)) for seed in range(3)])
    figures = measure_figures(images)
    assert figures.shape == (3, len(NAMES) - 3)
    assert figures[:, 0] == pytest.approx(images.mean(axis=(1, 2, 3)))
    assert np.isnan(measure_figures(np.repeat(images, 3, axis=3))[:, NAMES.index("stroke_width")]).all()


def test_the_limit_keeps_all_alarms_together_below_what_is_allowed() -> None:
    rng = np.random.default_rng(0)
    distances, outside = rng.normal(size=4000), rng.uniform(size=4000) < 0.01
    limit = choose_limit(distances, outside, np.arange(4000))
    alarms = float((outside | (distances > limit)).mean())
    assert 0.03 < alarms < ALARMS
    fresh = rng.normal(size=100_000)
    assert (0.01 + (fresh > limit).mean()) < ALARMS


def test_few_images_get_a_limit_that_none_of_them_passes() -> None:
    distances = np.arange(10.0)
    assert choose_limit(distances, np.zeros(10, bool), np.arange(10)) == 9.0
    farthest_of_one_writer = choose_limit(np.arange(400.0), np.zeros(400, bool), np.arange(400) // 100)
    assert farthest_of_one_writer > choose_limit(np.arange(400.0), np.zeros(400, bool), np.arange(400)) + 5


def test_reasons_name_the_class_that_an_image_is_far_from() -> None:
    class Far:
        def distances(self, features: np.ndarray, classes: np.ndarray) -> np.ndarray:
            return np.array([0.0, 9.0])

    unlike = Unlike(facts(), Far(), 1.0, 0.0)  # type: ignore[arg-type]
    rows = np.stack([usual(), usual()])
    found = unlike.reasons(rows, np.zeros((2, 1), np.float32), np.array([[1, 0], [0, 1]], np.float32), ["a", "b"])
    assert found == [(), ("features far from those of the training images of class 'b'",)]
