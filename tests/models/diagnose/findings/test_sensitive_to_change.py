from dataclasses import replace

import pytest

from models.diagnose.findings.sensitive_to_change import find, in_words
from models.diagnose.metrics import measure
from models.evaluate.accuracy_by_level import UnderLevel
from pipelines.parameters.params import Params
from tests.models.made_up import facts_of, predictions, quiet_evidence, robustness_of

METRICS = measure(predictions({"train": (1.0, 900), "validation": (0.98, 300), "test": (0.98, 300)}))


def under(operation: str, level: float, accuracy: float, *, small: bool = True) -> UnderLevel:
    interval = (accuracy - 0.04, min(accuracy + 0.04, 1.0))
    return UnderLevel(operation=operation, level=level, small=small, images=300, accuracy=accuracy, accuracy_interval=interval)


THIN = replace(
    quiet_evidence(), robustness=robustness_of(0.98, levels=[under("pen_width", -1.0, 0.6), under("rotation", 10.0, 0.95)])
)


def test_thinner_strokes_that_are_not_read_are_proposed_for_train(params: Params) -> None:
    finding = find(facts_of(METRICS, params, evidence=THIN))
    assert finding is not None
    assert finding.headline == "Sensitive: strokes 2 px thinner, and the network reads only 60.0%."
    assert finding.points == pytest.approx(38.0)
    assert finding.actions[0].changes == {"augment.pen_width.probability": 0.5, "augment.pen_width.px": [-1.0, 1.0]}


@pytest.mark.parametrize(("accuracy", "small"), [(0.2, False), (0.9, True)])
def test_large_changes_and_small_losses_are_nothing(params: Params, accuracy: float, small: bool) -> None:
    evidence = replace(quiet_evidence(), robustness=robustness_of(0.98, levels=[under("shift", 0.05, accuracy, small=small)]))
    assert find(facts_of(METRICS, params, evidence=evidence)) is None


@pytest.mark.parametrize(
    ("operation", "level", "words"),
    [
        ("rotation", -10.0, "turned by 10 degrees clockwise"),
        ("shift", 0.05, "shifted by 5% right and down"),
        ("zoom", 0.9, "10% smaller"),
        ("pen_width", 0.5, "strokes 1 px thicker"),
        ("noise", 25.0, "noise at 25"),
    ],
)
def test_a_level_is_said_in_words(operation: str, level: float, words: str) -> None:
    assert in_words(under(operation, level, 0.5)) == words
