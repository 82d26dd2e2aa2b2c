from models.diagnose.findings.cannot_tell import find
from models.diagnose.metrics import measure
from pipelines.parameters.params import Params
from tests.models.made_up import facts_of, predictions


def test_it_stands_where_the_interval_holds_the_target(params: Params) -> None:
    finding = find(facts_of(measure(predictions({"train": (1.0, 300), "validation": (0.95, 20), "test": (0.95, 20)})), params))
    assert finding is not None
    assert finding.points == 4.0
    assert finding.interval[0] < 0 < finding.interval[1]


def test_it_is_silent_where_a_part_is_certain(params: Params) -> None:
    metrics = measure(predictions({"train": (1.0, 4000), "validation": (0.93, 1000), "test": (0.93, 1000)}))
    assert find(facts_of(metrics, params)) is None
