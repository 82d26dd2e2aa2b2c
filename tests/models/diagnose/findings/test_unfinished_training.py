from dataclasses import replace

import polars as pl
import pytest

from models.diagnose.diagnosis import diagnose
from models.diagnose.facts import gather
from models.diagnose.findings.unfinished_training import find
from models.diagnose.metrics import measure
from pipelines.parameters.params import Params
from tests.models.diagnose.test_loss_curve import FALLING, SWINGING
from tests.models.made_up import facts_of, pictures_of, predictions, quiet_evidence, settings_of

MISSED = measure(predictions({"train": (0.99, 4000), "validation": (0.9, 1000), "test": (0.9, 1000)}))
REACHED = measure(predictions({"train": (1.0, 4000), "validation": (1.0, 1000), "test": (1.0, 1000)}))


def test_it_comes_before_variance_and_says_how_to_train_on(params: Params) -> None:
    first = diagnose(facts_of(MISSED, params, losses=FALLING)).first
    assert first.id == "unfinished_training"
    assert first.evidence == (
        "Of 24 epochs, as many as train.epochs allows, the best epoch is the last. Validation loss still fell to the end; in "
        "the second half validation accuracy rose by 20.9 points; as many epochs again would bring about 20.9."
    )
    assert first.points == pytest.approx(9.0)  # no more than is missing
    assert first.actions[0].changes == {"train.epochs": 48}


@pytest.mark.parametrize(
    ("batch_size", "epochs"),
    [(4000, 100), (64, 48), (32, 24), (8, 12)],
    ids=["at most a hundred", "3,000 steps", "3,000 steps, larger batches", "four times as many"],
)
def test_few_epochs_become_four_times_as_many_or_some_thousand_steps(params: Params, batch_size: int, epochs: int) -> None:
    short = {name: values[:3] for name, values in FALLING.items()}
    facts = facts_of(MISSED, params, losses=short)
    finding = find(replace(facts, settings=replace(facts.settings, batch_size=batch_size)))
    assert finding is not None
    assert finding.actions[0].changes == {"train.epochs": epochs}


def test_one_epoch_is_never_enough_where_the_target_is_missed_whatever_its_rate(params: Params) -> None:
    one = {name: values[:1] for name, values in FALLING.items()}
    poor = measure(predictions({"train": (0.9, 4000), "validation": (0.9, 1000), "test": (0.9, 1000)}))
    first = diagnose(facts_of(poor, params, losses=one, learning_rate=0.2)).first
    assert (first.id, first.severity) == ("unfinished_training", "blocker")
    assert first.evidence == "There was one epoch, as train.epochs says."
    assert first.points == pytest.approx(9.0)


def test_where_each_doubling_brings_less_other_findings_come_first(params: Params) -> None:
    accuracies = [0.5, 0.7, 0.8, 0.85, 0.86, 0.87, 0.88, 0.895, 0.896, 0.897, 0.898, 0.899, 0.8995, 0.8996, 0.8998, 0.9]
    slow = {"loss": FALLING["loss"][:16], "val_loss": FALLING["val_loss"][:16], "val_accuracy": accuracies}
    diagnosis = diagnose(facts_of(MISSED, params, losses=slow))
    found = next(finding for finding in diagnosis.findings if finding.id == "unfinished_training")
    assert diagnosis.first.id == "high_variance"
    assert found.severity == "problem"
    assert found.points == pytest.approx(100 * 0.005 * 0.005 / 0.045, abs=1e-3)


def test_what_reached_the_target_or_came_to_rest_or_stopped_early_is_finished(params: Params) -> None:
    assert find(facts_of(REACHED, params, losses=FALLING)) is None
    assert find(facts_of(MISSED, params, losses=SWINGING)) is None
    stopped = facts_of(MISSED, params, losses=FALLING)
    longer = facts_of(MISSED, params)  # of two epochs, where more were allowed
    assert find(stopped) is not None
    assert find(longer) is None


def test_two_phases_are_no_one_curve(params: Params) -> None:
    metrics = MISSED
    history = pl.DataFrame({"epoch": range(1, 25), "accuracy": [0.99] * 24, **FALLING})
    settings = replace(settings_of(params, target_accuracy=0.99), epochs=24)
    found = [
        find(gather(metrics, history, pictures_of(params), None, quiet_evidence(), replace(settings, fine_tunes=fine_tunes)))
        for fine_tunes in (False, True)
    ]
    assert [finding is not None for finding in found] == [True, False]
