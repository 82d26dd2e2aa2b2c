import polars as pl
import pytest

from models.diagnose.findings.weak_class import find
from models.diagnose.metrics import measure
from pipelines.parameters.params import Params
from tests.models.made_up import answers, facts_of

TRUE = ["a"] * 500 + ["b"] * 50
HELD_OUT = [answers(TRUE, ["a"] * 550, split) for split in ("validation", "test")]
METRICS = measure(pl.concat([answers(["a", "b"] * 100, ["a"] * 200, "train"), *HELD_OUT]))


def test_a_class_that_has_too_few_train_images_is_left_to_another_finding(params: Params) -> None:
    rare = measure(pl.concat([answers(TRUE, ["a"] * 550, "train"), *HELD_OUT]))
    assert find(facts_of(METRICS, params, 0.9)) is not None
    assert find(facts_of(rare, params, 0.9)) is None


def test_a_missed_class_is_worth_its_part_of_the_images(params: Params) -> None:
    finding = find(facts_of(METRICS, params, 0.9))
    assert finding is not None
    assert finding.points == pytest.approx(90 * 50 / 550, abs=0.001)
    assert finding.interval == pytest.approx((82.865 * 50 / 550, 90 * 50 / 550), abs=0.001)
    assert finding.evidence == "'b': 0.0% of 50."


def test_oversampling_is_proposed_where_it_is_not_on(params: Params) -> None:
    def command(balance: str) -> str | None:
        augment = params.augment.model_copy(update={"balance": balance})
        finding = find(facts_of(METRICS, params, 0.9, running=0.5, augment=augment))
        assert finding is not None
        return finding.actions[-1].command

    assert command("none") == "dvc exp run -S augment.balance=oversample"
    assert command("oversample") is None
