from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.diagnose.baselines import measure_baselines
from models.diagnose.tiny_images import ProbeImages, draw_images
from tests.models.made_up import split_of


def test_striped_classes_are_read_by_cheap_classifiers_and_not_with_shuffled_labels(tiny: Path) -> None:
    found = measure_baselines(tiny / "prepared", split_of(tiny / "prepared"), seed=0)
    assert found.best.accuracy > 0.9
    assert found.shuffled.accuracy < 0.7
    assert found.is_related
    assert [own.train_images for own in found.growth] == sorted(own.train_images for own in found.growth)
    assert found.growth[-1] == found.nearest_neighbour
    assert found == measure_baselines(tiny / "prepared", split_of(tiny / "prepared"), seed=0)


def test_half_the_size_is_tried_on_the_same_images(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = split_of(tiny / "prepared")
    drawn = draw_images(tiny / "prepared", "train", split.select("id", "cluster"), 10, seed=0)
    assert (drawn.features.shape, drawn.halved.shape) == ((10, 64), (10, 16))  # 8 x 8 and 4 x 4
    halves = drawn.features.reshape(10, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(10, 16)
    np.testing.assert_allclose(drawn.halved, halves / np.linalg.norm(halves, axis=1, keepdims=True), atol=1e-6)

    def flat(*given: object) -> ProbeImages:
        drawn = draw_images(*given)  # type: ignore[arg-type]
        return replace(drawn, halved=np.zeros_like(drawn.halved))

    monkeypatch.setattr("models.diagnose.baselines.draw_images", flat)
    found = measure_baselines(tiny / "prepared", split, seed=0)
    assert found.halved.accuracy == pytest.approx(1 / 3, abs=0.05)
    assert found.nearest_neighbour.accuracy > 0.9


def test_labels_without_relation_are_seen(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.diagnose import baselines

    def without_relation(*given: object) -> ProbeImages:
        drawn = draw_images(*given)  # type: ignore[arg-type]
        return replace(drawn, labels=np.random.default_rng(len(drawn.labels)).permutation(drawn.labels))

    monkeypatch.setattr(baselines, "draw_images", without_relation)
    assert not measure_baselines(tiny / "prepared", split_of(tiny / "prepared"), seed=0).is_related
