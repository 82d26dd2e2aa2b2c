from dataclasses import replace

import pytest

from models.diagnose.findings.systematic_errors import find
from models.diagnose.metrics import Accuracy, measure
from models.diagnose.slices import Slice
from pipelines.parameters.params import Params
from tests.models.made_up import facts_of, predictions, quiet_evidence

METRICS = measure(predictions({"train": (1.0, 900), "validation": (0.94, 500), "test": (0.98, 500)}))


def accuracy(right: float, images: int) -> Accuracy:
    half = 1 / images**0.5
    interval = (max(right - half, 0.0), min(right + half, 1.0))
    return Accuracy(images=images, clusters=images, effective_images=images, accuracy=right, accuracy_interval=interval)


def slice_of(name: str, kind: str, error: float, images: int, p_value: float = 0.001, rest: float = 0.02) -> Slice:
    return Slice(name, kind, "validation", accuracy(1 - error, images), accuracy(1 - rest, 500 - images), p_value, ("a/1.png",))


WRITER = slice_of("group 'w3'", "group", 0.4, 50)


def test_a_writer_that_explains_most_of_the_miss_comes_before_everything(params: Params) -> None:
    evidence = replace(quiet_evidence(), slices=[slice_of("brightness at most 3 of 255", "brightness", 0.5, 40), WRITER])
    finding = find(facts_of(METRICS, params, 0.99, evidence=evidence))
    assert finding is not None
    assert finding.severity == "blocker"
    assert finding.headline == "Systematic errors: group 'w3' is read worse than the rest of validation."
    assert finding.points == pytest.approx(3.8)
    assert "Others: brightness at most 3 of 255 (50.0%, validation)." in finding.evidence
    assert finding.images == ["a/1.png"]


def test_a_slice_that_explains_little_is_a_problem_among_others(params: Params) -> None:
    evidence = replace(quiet_evidence(), slices=[slice_of("group 'w3'", "group", 0.3, 20)])
    finding = find(facts_of(METRICS, params, 0.99, evidence=evidence))
    assert finding is not None
    assert finding.severity == "problem"


@pytest.mark.parametrize(
    "own",
    [
        replace(WRITER, p_value=0.2),
        slice_of("group 'w3'", "group", 0.05, 100),
        slice_of("group 'w3'", "group", 0.3, 100, rest=0.2),
    ],
)
def test_what_may_be_chance_and_what_is_usual_is_nothing(params: Params, own: Slice) -> None:
    assert find(facts_of(METRICS, params, 0.99, evidence=replace(quiet_evidence(), slices=[own]))) is None
