from models.diagnose.findings.on_target import find
from models.diagnose.metrics import measure
from pipelines.parameters.params import Params
from tests.models.made_up import facts_of, predictions


def test_it_stands_where_the_whole_interval_reaches_the_target(params: Params) -> None:
    scores = {"train": (1.0, 4000), "validation": (0.999, 1000), "test": (0.995, 1000)}
    finding = find(facts_of(measure(predictions(scores)), params))
    assert finding is not None
    assert finding.points == -0.9
    assert finding.interval[1] <= 0
    assert find(facts_of(measure(predictions({**scores, "validation": (0.994, 1000)})), params)) is None


def test_it_is_silent_where_test_does_not_keep_it(params: Params) -> None:
    scores = {"train": (1.0, 4000), "validation": (0.999, 1000), "test": (0.9, 1000)}
    assert find(facts_of(measure(predictions(scores)), params)) is None
