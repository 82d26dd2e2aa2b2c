from dataclasses import replace
from typing import Literal

import polars as pl
import pytest

from dataprep.augment.mixing import mixed_alone
from dataprep.config.augment import AugmentConfig
from models.config.train import EarlyStoppingConfig
from models.diagnose.diagnosis import diagnose
from models.diagnose.facts import gather
from models.diagnose.finding import Finding
from models.diagnose.findings.evaluated_below_running import find
from models.diagnose.metrics import Metrics, measure
from pipelines.parameters.params import Params
from tests.models.made_up import answers, facts_of, pictures_of, predictions, quiet_evidence, settings_of


def unmixed(params: Params, balance: str = "none") -> AugmentConfig:
    return mixed_alone(params.augment, "none of them").model_copy(update={"balance": balance})


def rare_class_known(common_right: int) -> Metrics:
    """900 of the class a, of which so many are right, and 100 of b, all right."""
    true = ["a"] * 900 + ["b"] * 100
    seen = ["a"] * common_right + ["b"] * (1000 - common_right)
    return measure(pl.concat([answers(true, seen, split) for split in ("train", "validation", "test")]))


def found(
    metrics: Metrics, params: Params, running: float, augment: AugmentConfig, *, batch_normalisation: bool = True
) -> Finding | None:
    return find(facts_of(metrics, params, running=running, augment=augment, batch_normalisation=batch_normalisation))


@pytest.mark.parametrize(("balance", "stands"), [("none", True), ("oversample", False)])
def test_the_classes_count_as_often_as_training_showed_them(params: Params, balance: str, stands: bool) -> None:
    metrics = rare_class_known(720)  # 82% of the images; 90% where both classes are shown as often
    assert (found(metrics, params, 0.9, unmixed(params, balance)) is not None) == stands


@pytest.mark.parametrize(("metric", "epoch"), [("val_loss", None), ("val_accuracy", 2)])
def test_training_is_asked_for_the_epoch_that_was_kept(
    params: Params, metric: Literal["val_loss", "val_accuracy"], epoch: int | None
) -> None:
    """By another metric another epoch is kept; in the first of these, training was no better than the saved model."""
    history = pl.DataFrame(
        {"epoch": [1, 2], "accuracy": [0.8, 0.95], "loss": [0.5, 0.3], "val_loss": [0.5, 0.9], "val_accuracy": [0.7, 0.8]}
    )
    stopping = EarlyStoppingConfig(metric=metric, patience=5, min_change=0.0)
    settings = replace(settings_of(params, target_accuracy=0.9), augment=unmixed(params), early_stopping=stopping)
    facts = gather(rare_class_known(720), history, pictures_of(params), None, quiet_evidence(), settings)
    assert (facts.gap.epoch if facts.gap else None) == epoch


@pytest.mark.parametrize("mixing", ["mixup", "cutmix", "superpose"])
def test_mixed_images_are_another_task_and_not_compared(params: Params, mixing: str) -> None:
    augment = mixed_alone(params.augment, mixing).model_copy(update={"online": True})
    assert found(rare_class_known(450), params, 0.99, augment) is None


def test_trees_are_not_compared_with_the_head_that_was_trained(params: Params) -> None:
    history = pl.DataFrame({"epoch": [1], "accuracy": [0.99], "loss": [0.1], "val_loss": [0.5], "val_accuracy": [0.7]})
    settings = replace(settings_of(params, target_accuracy=0.9), augment=unmixed(params))
    given = (rare_class_known(720), history, pictures_of(params), None, quiet_evidence())
    assert gather(*given, settings).gap
    assert gather(*given, replace(settings, head_classifies=False)).gap is None


def test_batch_normalisation_is_no_cause_where_there_is_none(params: Params) -> None:
    finding = found(rare_class_known(450), params, 0.99, unmixed(params), batch_normalisation=False)
    assert finding is not None
    assert not any("normalisation" in text for text in (*finding.causes, *(action.text for action in finding.actions)))
    assert finding.actions[0].changes == {"train.optimizer.learning_rate": params.train.optimizer.learning_rate / 2}


@pytest.mark.parametrize(
    ("running", "train", "stands"),
    [
        (1.0, (0.667, 54), True),
        (0.95, (0.85, 2000), True),
        (0.70, (0.99, 2000), False),  # augmentation and dropout make training harder
        (0.97, (0.95, 2000), False),  # certain, and small
        (0.90, (0.80, 10), False),  # large, and perhaps chance
    ],
)
def test_a_model_that_is_worse_than_it_was_in_training_stands_alone(
    params: Params, running: float, train: tuple[float, int], stands: bool
) -> None:
    metrics = measure(predictions({"train": train, "validation": (0.66, 20), "test": (0.66, 20)}))
    judged = diagnose(facts_of(metrics, params, running=running, augment=unmixed(params)))
    if not stands:
        assert judged == diagnose(facts_of(metrics, params, augment=unmixed(params)))
        assert judged.first.id != "evaluated_below_running"
        return
    assert [finding.id for finding in judged.findings] == ["evaluated_below_running"]
    assert judged.first.headline.startswith("The saved model is not the one that trained")
    assert f"{running:.1%} of the train images were right (epoch 1" in judged.first.evidence
    assert judged.summary[0].startswith("Error is ")
    assert "batch normalisation" in judged.first.causes[0]
