from dataclasses import replace

import pytest

from models.diagnose.findings.harmful_augmentation import find
from models.diagnose.metrics import measure
from models.evaluate.robustness import UnderOperation
from pipelines.parameters.params import Params
from tests.models.made_up import facts_of, predictions, quiet_evidence, robustness_of

METRICS = measure(predictions({"train": (0.9, 900), "validation": (0.9, 300), "test": (0.9, 300)}))


def under(operation: str, probability: float, accuracy: float) -> UnderOperation:
    return UnderOperation(
        operation=operation, probability=probability, accuracy=accuracy, accuracy_interval=(accuracy - 0.03, accuracy + 0.03)
    )


def test_an_operation_that_destroys_labels_is_taken_out(params: Params) -> None:
    evidence = replace(
        quiet_evidence(),
        robustness=robustness_of(0.9, operations=[under("vertical_flip", 0.0, 0.1), under("rotation", 0.5, 0.6)]),
    )
    finding = find(facts_of(METRICS, params, evidence=evidence))
    assert finding is not None
    assert finding.headline == "Augmentation: rotation is on, and under it alone the network reads much worse."
    assert finding.points == pytest.approx(30.0)
    assert finding.actions[0].command == "dvc exp run -S augment.rotation.probability=0.0"


@pytest.mark.parametrize("own", [under("rotation", 0.0, 0.3), under("rotation", 0.5, 0.87)])
def test_what_is_off_or_costs_little_is_nothing(params: Params, own: UnderOperation) -> None:
    evidence = replace(quiet_evidence(), robustness=robustness_of(0.9, operations=[own]))
    assert find(facts_of(METRICS, params, evidence=evidence)) is None
