import polars as pl

from models.diagnose.findings.imbalance import find
from models.diagnose.metrics import measure
from pipelines.parameters.params import Params
from tests.models.made_up import answers, facts_of

TRUE = ["a"] * 500 + ["b"] * 500 + ["c"] * 20
MISSED = ["a"] * 500 + ["b"] * 500 + ["c"] * 14 + ["a"] * 6


def of_splits(train: list[str], held_out: list[str]) -> pl.DataFrame:
    return pl.concat([answers(TRUE, train, "train"), *(answers(TRUE, held_out, split) for split in ("validation", "test"))])


def test_a_rare_class_that_is_read_worse_is_shown_more_often(params: Params) -> None:
    finding = find(facts_of(measure(of_splits(TRUE, MISSED)), params, 0.999))
    assert finding is not None
    assert finding.severity == "blocker"
    assert finding.headline == "Imbalance: class 'c' is 2.0% of the train images, and is read worse than the others."
    assert "an equal share is 340. On validation and test its recall is 70.0% of 40, that of the other classes 100.0%" in (
        finding.evidence
    )
    assert finding.actions[0].command == "dvc exp run -S augment.balance=oversample"
    oversampled = params.augment.model_copy(update={"balance": "oversample"})
    again = find(facts_of(measure(of_splits(TRUE, MISSED)), params, 0.999, augment=oversampled))
    assert again is not None
    assert again.actions[0].command is None


def test_a_rare_class_that_is_read_as_well_needs_nothing_and_one_within_the_target_a_note(params: Params) -> None:
    assert find(facts_of(measure(of_splits(TRUE, TRUE)), params, 0.999)) is None
    noted = find(facts_of(measure(of_splits(TRUE, MISSED)), params, 0.5))
    assert noted is not None
    assert noted.severity == "note"
