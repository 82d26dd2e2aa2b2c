from models.diagnose.diagnosis import diagnose
from models.diagnose.findings.high_learning_rate import find
from models.diagnose.metrics import measure
from pipelines.parameters.params import Params
from tests.models.diagnose.test_loss_curve import FALLING, SWINGING
from tests.models.made_up import facts_of, predictions

POOR = measure(predictions({"train": (0.6, 4000), "validation": (0.6, 1000), "test": (0.6, 1000)}))
GUESSED = measure(predictions({"train": (0.33, 4000), "validation": (0.33, 1000), "test": (0.33, 1000)}))
KNOWN = measure(predictions({"train": (0.995, 4000), "validation": (0.9, 1000), "test": (0.9, 1000)}))
FLAT = {"loss": [9.0, 1.1, 1.11, 1.1, 1.12, 1.1], "val_loss": [1.1] * 6, "val_accuracy": [0.33] * 6}


def test_a_loss_that_swings_is_a_rate_that_is_too_high(params: Params) -> None:
    first = diagnose(facts_of(POOR, params, losses=SWINGING)).first
    assert first.id == "high_learning_rate"
    assert first.evidence == (
        "The rate is 0.002, 2 times what is usual for adam; the train loss swings from epoch to epoch, or is no number, and "
        "train accuracy is 60.0% after 24 epochs."
    )
    assert first.actions[0].command == "dvc exp run -S train.optimizer.learning_rate=0.0002"


def test_a_loss_that_stands_still_is_one_only_where_the_network_guesses(params: Params) -> None:
    finding = find(facts_of(GUESSED, params, losses=FLAT))
    assert finding is not None
    assert (
        "the train loss does not fall, and train accuracy is that of a guess, and train accuracy is 33.0%" in finding.evidence
    )
    assert find(facts_of(POOR, params, losses=FLAT)) is None


def test_train_images_that_are_known_or_a_loss_that_falls_are_none(params: Params) -> None:
    assert find(facts_of(KNOWN, params, losses=SWINGING)) is None
    assert find(facts_of(GUESSED, params, losses=FALLING)) is None


def test_a_rate_ten_times_the_usual_needs_no_other_sign_and_a_usual_one_is_never_too_high(params: Params) -> None:
    assert find(facts_of(POOR, params, losses=FALLING)) is None
    assert find(facts_of(POOR, params, losses=FALLING, learning_rate=0.2)) is not None
    assert find(facts_of(POOR, params, losses=SWINGING, learning_rate=0.001)) is None
