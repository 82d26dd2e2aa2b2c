import pytest

from models.diagnose.findings.high_bias import find
from models.diagnose.metrics import measure
from pipelines.parameters.params import Params
from tests.models.made_up import facts_of, predictions


def test_points_are_those_of_the_part(params: Params) -> None:
    metrics = measure(predictions({"train": (0.9, 4000), "validation": (0.895, 1000), "test": (0.89, 1000)}))
    finding = find(facts_of(metrics, params))
    assert finding is not None
    assert finding.points == pytest.approx(9.0)
    assert finding.severity == "problem"


def test_what_may_be_chance_is_no_finding(params: Params) -> None:
    metrics = measure(predictions({"train": (0.96, 50), "validation": (0.9, 50), "test": (0.86, 50)}))
    assert find(facts_of(metrics, params)) is None
