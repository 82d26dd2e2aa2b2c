from models.diagnose.diagnosis import diagnose
from models.diagnose.findings.leakage import find
from models.diagnose.leakage_estimate import LeakageEstimate, ProbeScore
from models.diagnose.metrics import measure
from pipelines.parameters.params import Params
from tests.models.made_up import facts_of, predictions

METRICS = measure(predictions({"train": (1.0, 400), "validation": (1.0, 400), "test": (1.0, 400)}))
LEAKAGE = LeakageEstimate(
    train_images=4000,
    held_out_images=1500,
    made=ProbeScore(accuracy=0.84, accuracy_interval=(0.82, 0.86)),
    random=ProbeScore(accuracy=0.97, accuracy_interval=(0.96, 0.98)),
    kept_apart="60 groups",
)


def test_the_estimate_is_a_note_after_the_result(params: Params) -> None:
    judged = diagnose(facts_of(METRICS, params, leakage=LEAKAGE))
    assert [(finding.id, finding.severity) for finding in judged.findings] == [("on_target", "result"), ("leakage", "note")]
    note = judged.findings[1]
    assert (note.points, note.interval) == (13.0, (10.0, 16.0))
    assert note.evidence == (
        "1,500 validation images, each given the class of the most similar of 4,000 train images: 84.0% (82.0% to 86.0%) as "
        "split here, 97.0% (96.0% to 98.0%) with the same images split at random."
    )


def test_without_groups_there_is_none(params: Params) -> None:
    assert find(facts_of(METRICS, params)) is None
