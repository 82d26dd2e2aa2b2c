import numpy as np
import pytest

from models.evaluate.accuracy_by_level import LARGE, SMALL, measure_levels
from models.evaluate.trial_images import Trials
from pipelines.parameters.params import Params


def trials(*, dark_ink: bool) -> Trials:
    """Bars of two widths: 3 pixels are class 0, 6 are class 1."""
    labels = np.arange(40) % 2
    images = np.zeros((40, 24, 24, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4:-4, 8 : 8 + (6 if label else 3)] = 255
    return Trials(255 - images if dark_ink else images, labels, np.arange(40, dtype=np.uint64), np.arange(40), batch_size=7)


def by_ink(dark_ink: bool):  # type: ignore[no-untyped-def]
    def predict(images: np.ndarray) -> np.ndarray:
        ink = (255 - images if dark_ink else images).mean(axis=(1, 2, 3)) / 255 * 24 * 24 / 16
        return np.column_stack([ink < 4.5, ink >= 4.5]).astype(np.float32)

    return predict


@pytest.mark.parametrize("dark_ink", [False, True])
def test_a_network_that_reads_the_ink_fails_when_strokes_change_and_not_when_they_move(params: Params, dark_ink: bool) -> None:
    augment = params.augment.model_copy(update={"fill": 255 if dark_ink else 0})
    found = {(own.operation, own.level): own for own in measure_levels(by_ink(dark_ink), trials(dark_ink=dark_ink), augment)}
    thinner, thicker = sorted(level for operation, level in found if operation == "pen_width")
    assert (thinner, thicker) == pytest.approx((-0.9, 0.9), abs=0.2)  # a fifth of the median width
    assert found["pen_width", thicker].accuracy == 0.5  # all are wide
    assert found["pen_width", thinner].accuracy == 0.5  # none is
    assert found["shift", 0.05].accuracy == 1.0
    assert found["rotation", 10.0].accuracy == 1.0
    assert {operation for operation, _ in found} == {*SMALL, *LARGE}
    assert {operation for (operation, _), own in found.items() if own.small} == set(SMALL)


def test_levels_are_those_named_whatever_params_yaml_allows(params: Params) -> None:
    off = params.augment.model_copy(update={"rotation": params.augment.rotation.model_copy(update={"degrees": (0.0, 0.0)})})
    assert measure_levels(by_ink(dark_ink=False), trials(dark_ink=False), off) == measure_levels(
        by_ink(dark_ink=False), trials(dark_ink=False), params.augment
    )
