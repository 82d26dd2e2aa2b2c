import pytest

from dataprep.augment.operations import section_of
from dataprep.config.augment import OPERATIONS
from models.diagnose.findings.high_variance import find, vary_more
from models.diagnose.metrics import measure
from pipelines.params import Params
from tests.models.made_up import facts_of, predictions


def test_points_and_interval_are_those_of_the_part(params: Params) -> None:
    metrics = measure(predictions({"train": (1.0, 4000), "validation": (0.93, 1000), "test": (0.93, 1000)}))
    finding = find(facts_of(metrics, params))
    assert finding is not None
    assert finding.points == pytest.approx(7.0)
    assert finding.interval == pytest.approx((5.5, 8.8), abs=0.1)
    assert finding.evidence == "Validation error is 7.0 points (95% interval 5.6 to 8.8) above train error."


def test_only_operations_that_are_on_happen_more_often(params: Params) -> None:
    on = {name for name in OPERATIONS if section_of(params.augment, name).probability}
    assert set(vary_more(params.augment)) == {f"augment.{name}.probability" for name in on}
    assert vary_more(params.augment)["augment.rotation.probability"] == 0.75
    stored = params.augment.model_copy(update={"online": False})
    assert vary_more(stored)["augment.online"] is True
    off = params.augment.model_copy(
        update={name: section_of(params.augment, name).model_copy(update={"probability": 0.0}) for name in on}
    )
    assert vary_more(off) == {}
