import pytest

from dataprep.augment.drawn_parameters import section_of
from dataprep.config.augment import OPERATIONS
from models.diagnose.findings.high_variance import find
from models.diagnose.metrics import measure
from pipelines.parameters.params import Params
from tests.models.made_up import facts_of, pictures_of, predictions

METRICS = measure(predictions({"train": (1.0, 4000), "validation": (0.93, 1000), "test": (0.93, 1000)}))


def test_points_and_interval_are_those_of_the_part(params: Params) -> None:
    finding = find(facts_of(METRICS, params))
    assert finding is not None
    assert finding.points == pytest.approx(7.0)
    assert finding.interval == pytest.approx((5.5, 8.8), abs=0.1)
    assert finding.evidence.startswith("Validation error is 7.0 points (95% interval 5.6 to 8.8) above train error.")
    assert "from 87.0% to 90.0% when its train images went from 500 to 1,000" in finding.evidence


def test_what_leaves_labels_as_they_are_is_turned_on(params: Params) -> None:
    off = params.augment.model_copy(
        update={name: section_of(params.augment, name).model_copy(update={"probability": 0.0}) for name in OPERATIONS}
        | {"online": False}
    )
    finding = find(facts_of(METRICS, params, augment=off))
    assert finding is not None
    assert finding.actions[0].changes == {
        "augment.rotation.probability": 0.5,
        "augment.zoom.probability": 0.5,
        "augment.shear.probability": 0.5,
        "augment.shift.probability": 0.5,
        "augment.online": True,
    }


@pytest.mark.parametrize(
    ("label_safe", "color", "mirrored"), [((), "RGB", True), (("digits",), "RGB", False), ((), "gray", False)]
)
def test_photographs_alone_are_mirrored(params: Params, label_safe: tuple[str, ...], color: str, mirrored: bool) -> None:
    augment = params.augment.model_copy(update={"label_safe": label_safe})
    pictures = pictures_of(params, height=64, width=64, color=color, image_size=(64, 64), entropy=7.0)
    finding = find(facts_of(METRICS, params, augment=augment, pictures=pictures))
    assert finding is not None
    assert ("augment.horizontal_flip.probability" in finding.actions[0].changes) == mirrored
