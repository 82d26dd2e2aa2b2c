from pathlib import Path

import numpy as np
import pytest

from models.diagnose.baselines import measure_baselines
from tests.models.made_up import split_of


def test_striped_classes_are_read_by_cheap_classifiers_and_not_with_shuffled_labels(tiny: Path) -> None:
    found = measure_baselines(tiny / "prepared", split_of(tiny / "prepared"), seed=0)
    assert found.best.accuracy > 0.9
    assert found.shuffled.accuracy < 0.7
    assert found.is_related
    assert [own.train_images for own in found.growth] == sorted(own.train_images for own in found.growth)
    assert found.growth[-1] == found.nearest_neighbour
    assert found == measure_baselines(tiny / "prepared", split_of(tiny / "prepared"), seed=0)


def test_labels_without_relation_are_seen(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.diagnose import baselines
    from models.diagnose.tiny_images import ProbeImages, draw_images

    def without_relation(*given: object) -> ProbeImages:
        drawn = draw_images(*given)  # type: ignore[arg-type]
        return ProbeImages(drawn.features, np.random.default_rng(len(drawn.labels)).permutation(drawn.labels), drawn.clusters)

    monkeypatch.setattr(baselines, "draw_images", without_relation)
    assert not measure_baselines(tiny / "prepared", split_of(tiny / "prepared"), seed=0).is_related
