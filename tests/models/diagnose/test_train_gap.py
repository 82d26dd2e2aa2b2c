import polars as pl
import pytest

from models.diagnose.metrics import measure
from models.diagnose.train_gap import judge_gap
from models.diagnose.verdict import diagnose
from pipelines.params import Params
from tests.models.made_up import predictions


def history(running: float) -> pl.DataFrame:
    """The first epoch is the best one."""
    return pl.DataFrame({"epoch": [1, 2], "accuracy": [running, 1.0], "val_loss": [0.5, 0.9]})


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
    after = judge_gap(before, history(running), metrics)
    if not is_told:
        assert after == before
        return
    assert after.finding == "evaluated_below_running"
    assert after.headline.startswith("The saved model is not the one that trained")
    assert f"{running:.1%} of the train images were right (epoch 1" in after.evidence
    assert before.evidence in after.evidence
    assert "batch normalisation" in after.next_experiment
