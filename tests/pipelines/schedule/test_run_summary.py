"""What a flow shows of a run, as rows and markdown."""

from models.compare.gate import Check, Judgement
from models.diagnose.diagnosis import Diagnosis
from models.diagnose.finding import Finding, by_hand, experiment
from models.diagnose.metrics import measure
from pipelines.schedule.run_summary import data_page, diagnosis_page, score_rows
from tests.models.made_up import predictions
from tests.pipelines.versions.made_up_versions import version


def test_scores_stand_beside_those_of_the_published_version() -> None:
    metrics = measure(predictions({"train": (1.0, 60), "validation": (0.9, 60), "test": (0.8, 60)}))
    rows = score_rows(metrics, version(3, 0.85))
    assert [(row["split"], row["accuracy"], row["version 3"]) for row in rows] == [
        ("train", 1.0, 0.85),
        ("validation", 0.9, 0.85),
        ("test", 0.8, 0.85),
    ]
    assert {row["published"] for row in score_rows(metrics, None)} == {"none"}


def test_every_finding_is_shown_with_its_actions() -> None:
    first, second = (
        Finding(
            id=name,
            severity="problem",
            points=2.0,
            interval=(1.0, 3.0),
            headline=f"{name} is wrong",
            evidence="Seen.",
            causes=[],
            actions=[experiment("Train longer.", {"train.epochs": 80}), by_hand("Look at it.")],
        )
        for name in ("one", "two")
    )
    page = diagnosis_page(Diagnosis(target_accuracy=0.9, summary=["Error is 3%."], findings=[first, second]))
    assert page.startswith(
        "# one is wrong\n\nError is 3%.\n\n*problem.* Seen.\n\n1. Train longer.\n\n    ```\n    dvc exp run -S"
    )
    assert "2. Look at it." in page
    assert "\n## two is wrong\n" in page


def test_what_changed_and_what_the_gate_said() -> None:
    own = version(4, drifted=True)
    refused = Check(name="accuracy", passed=False, sentence="accuracy is 0.5; at least 0.9 is asked")
    judgement = Judgement(checks=[*own.judgement.checks, refused], difference=None, left_out=0)
    page = data_page(own.changes, own.drift, judgement, version(3))
    assert "# Images since version 3" in page
    assert "| new | 5 |" in page
    assert "Drift: 5 new images differ in brightness" in page
    assert "- passed: against the published model +0.1 points\n- **refused**: accuracy is 0.5; at least 0.9 is asked\n" in page
    assert "before the first version" in data_page(own.changes, own.drift, None, None)
