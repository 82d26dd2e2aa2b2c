import polars as pl
import pytest

from dataprep.augment.mixing import mixed_alone
from dataprep.config.augment import AugmentConfig
from models.diagnose.metrics import Metrics, measure
from models.diagnose.train_gap import judge_gap
from models.diagnose.verdict import diagnose
from pipelines.params import Params
from tests.models.made_up import answers, predictions


def history(running: float) -> pl.DataFrame:
    """The first epoch is the best one."""
    return pl.DataFrame({"epoch": [1, 2], "accuracy": [running, 1.0], "val_loss": [0.5, 0.9]})


def unmixed(params: Params, balance: str = "none") -> AugmentConfig:
    return mixed_alone(params.augment, "none of them").model_copy(update={"balance": balance})


def rare_class_known(common_right: int) -> Metrics:
    """900 of the class a, of which so many are right, and 100 of b, all right."""
    true = ["a"] * 900 + ["b"] * 100
    seen = ["a"] * common_right + ["b"] * (1000 - common_right)
    return measure(pl.concat([answers(true, seen, split) for split in ("train", "validation", "test")]))


@pytest.mark.parametrize(("balance", "is_told"), [("none", True), ("oversample", False)])
def test_the_classes_count_as_often_as_training_showed_them(params: Params, balance: str, is_told: bool) -> None:
    metrics = rare_class_known(720)  # 82% of the images; 90% where both classes are shown as often
    before = diagnose(metrics, params.diagnose, None)
    after = judge_gap(before, history(0.9), metrics, unmixed(params, balance), batch_normalisation=True)
    assert (after.finding == "evaluated_below_running") == is_told


@pytest.mark.parametrize("mixing", ["mixup", "cutmix", "superpose"])
def test_mixed_images_are_another_task_and_not_compared(params: Params, mixing: str) -> None:
    metrics = rare_class_known(450)
    before = diagnose(metrics, params.diagnose, None)
    augment = mixed_alone(params.augment, mixing).model_copy(update={"online": True})
    assert judge_gap(before, history(0.99), metrics, augment, batch_normalisation=True) == before


def test_batch_normalisation_is_no_cause_where_there_is_none(params: Params) -> None:
    metrics = rare_class_known(450)
    before = diagnose(metrics, params.diagnose, None)
    after = judge_gap(before, history(0.99), metrics, unmixed(params), batch_normalisation=False)
    assert after.finding == "evaluated_below_running"
    assert "normalisation" not in after.next_experiment
    assert "train.learning_rate" in after.next_experiment


@pytest.mark.parametrize(
    ("running", "train", "is_told"),
    [
        (1.0, (0.667, 54), True),
        (0.95, (0.85, 2000), True),
        (0.70, (0.99, 2000), False),  # augmentation and dropout make training harder
        (0.97, (0.95, 2000), False),  # certain, and small
        (0.90, (0.80, 10), False),  # large, and perhaps chance
    ],
)
def test_a_model_that_is_worse_than_it_was_in_training_is_told_before_anything_else(
    params: Params, running: float, train: tuple[float, int], is_told: bool
) -> None:
    metrics = measure(predictions({"train": train, "validation": (0.66, 20), "test": (0.66, 20)}))
    before = diagnose(metrics, params.diagnose, None)
    after = judge_gap(before, history(running), metrics, unmixed(params), batch_normalisation=True)
    if not is_told:
        assert after == before
        return
    assert after.finding == "evaluated_below_running"
    assert after.headline.startswith("The saved model is not the one that trained")
    assert f"{running:.1%} of the train images were right (epoch 1" in after.evidence
    assert before.evidence in after.evidence
    assert "batch normalisation" in after.next_experiment
