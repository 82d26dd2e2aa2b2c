import numpy as np

from models.diagnose.diagnosis import diagnose
from models.diagnose.findings.low_learning_rate import find
from models.diagnose.metrics import measure
from pipelines.parameters.params import Params
from tests.models.diagnose.test_loss_curve import SLOW
from tests.models.made_up import facts_of, predictions

POOR = measure(predictions({"train": (0.6, 4000), "validation": (0.6, 1000), "test": (0.6, 1000)}))
KNOWN = measure(predictions({"train": (0.995, 4000), "validation": (0.9, 1000), "test": (0.9, 1000)}))


def test_a_loss_that_falls_far_too_slowly_is_a_rate_that_is_too_low(params: Params) -> None:
    first = diagnose(facts_of(POOR, params, losses=SLOW, learning_rate=2e-5)).first
    assert first.id == "low_learning_rate"
    assert first.evidence == (
        "The rate is 2e-05, 0.02 times what is usual for adam; the train loss fell from 2.3 to 2.07 in 24 epochs and did not "
        "come to rest."
    )
    assert first.actions[0].command == "dvc exp run -S train.optimizer.learning_rate=0.0002"


def test_a_loss_that_wavers_or_train_images_that_are_known_are_none(params: Params) -> None:
    assert find(facts_of(KNOWN, params, losses=SLOW, learning_rate=2e-5)) is None
    wavers = {**SLOW, "loss": list(np.array(SLOW["loss"]) + 0.1 * np.random.default_rng(0).standard_normal(24))}
    assert find(facts_of(POOR, params, losses=wavers, learning_rate=2e-5)) is None


def test_a_rate_near_the_usual_one_is_never_too_low(params: Params) -> None:
    assert find(facts_of(POOR, params, losses=SLOW, learning_rate=0.2)) is None
    assert find(facts_of(POOR, params, losses=SLOW, learning_rate=0.0005)) is None
