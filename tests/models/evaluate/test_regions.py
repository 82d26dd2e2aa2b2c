import numpy as np
import pytest

from models.evaluate.regions import Region, measure_regions, regions_of
from models.evaluate.trial_images import Trials

SIDE = 32


def trials(cue: tuple[slice, slice]) -> Trials:
    """Images of two classes, in noise; one place is bright in one class and dark in the other."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    images = rng.integers(100, 156, (60, SIDE, SIDE, 1)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[cue] = 250 if label else 5
    return Trials(images, labels, np.arange(60, dtype=np.uint64), np.arange(60), batch_size=16)


def reads(cue: tuple[slice, slice]):  # type: ignore[no-untyped-def]
    def predict(images: np.ndarray) -> np.ndarray:
        bright = images[(slice(None), *cue)].mean(axis=(1, 2, 3)) > 140
        return np.column_stack([~bright, bright]).astype(np.float32)

    return predict


CORNER = (slice(0, 4), slice(0, 4))
CENTRE = (slice(12, 20), slice(12, 20))


@pytest.mark.parametrize(("cue", "name"), [(CORNER, "top left corner"), (CENTRE, "centre")])
def test_the_region_that_decides_is_missed_when_hidden_and_enough_alone(cue: tuple[slice, slice], name: Region) -> None:
    found = {own.region: own for own in measure_regions(reads(cue), trials(cue))}
    assert found[name].hidden == pytest.approx(0.5, abs=0.01)
    assert found[name].alone == 1.0
    assert found["bottom right corner"].hidden == 1.0
    assert found["bottom right corner"].alone == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("shape", [(4, 4), (16, 40), (224, 224)])
def test_regions_lie_where_their_names_say(shape: tuple[int, int]) -> None:
    masks = regions_of(*shape)
    assert masks["top left corner"][0, 0]
    assert masks["bottom right corner"][-1, -1]
    assert masks["border"][:, 0].all()
    assert masks["centre"][shape[0] // 2, shape[1] // 2]
    assert not masks["centre"][0].any()
    assert not (masks["centre"] & masks["border"]).any()
