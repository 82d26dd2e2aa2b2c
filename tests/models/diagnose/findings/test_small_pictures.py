from dataclasses import replace

import pytest

from models.diagnose.findings.small_pictures import find, larger
from models.diagnose.metrics import measure
from pipelines.parameters.params import Params
from tests.models.made_up import baselines, facts_of, pictures_of, predictions, quiet_evidence

MISSED = measure(predictions({"train": (0.99, 4000), "validation": (0.9, 1000), "test": (0.9, 1000)}))
REACHED = measure(predictions({"train": (1.0, 4000), "validation": (1.0, 1000), "test": (1.0, 1000)}))


def test_the_next_size_and_color_are_proposed(params: Params) -> None:
    finding = find(facts_of(MISSED, params, pictures=pictures_of(params, height=100, width=80, color="RGB")))
    assert finding is not None
    assert finding.headline == "Too little of the picture: 1.1% of what the files hold is stored."
    assert finding.actions[0].command == "dvc exp run -S 'prepare.image_size=[32,32]' -S prepare.color=rgb"
    assert finding.points == finding.interval[1] == pytest.approx(9.0)
    assert finding.interval[0] == 0


@pytest.mark.parametrize(
    ("lost", "size", "words"),
    [
        (
            0.1,
            16,
            "reads 60.0% of validation images at 8 pixels a side and 70.0% at 16: size still matters.",
        ),
        (0.01, 16, "reads 69.0% of validation images at 8 pixels a side and 70.0% at 16: that may be chance."),
        (0.1, 10, "reads 60.0% of validation images at 5 pixels a side and 70.0% at 10: size still matters."),
        (0.1, 40, ""),  # so small a probe says nothing of it
    ],
)
def test_a_probe_at_half_the_size_says_whether_size_matters(params: Params, lost: float, size: int, words: str) -> None:
    pictures = pictures_of(params, height=200, width=200, image_size=(size, size))
    evidence = replace(quiet_evidence(), baselines=baselines(0.7, 0.3, at_half=lost))
    finding = find(facts_of(MISSED, params, pictures=pictures, evidence=evidence))
    assert finding is not None
    assert words in finding.evidence
    assert ("probe" in finding.evidence) == bool(words)


def test_what_keeps_enough_or_reached_the_target_has_no_such_finding(params: Params) -> None:
    half = pictures_of(params, height=30, width=30)
    small = pictures_of(params, height=100, width=100)
    assert find(facts_of(MISSED, params, pictures=half)) is None
    assert find(facts_of(REACHED, params, pictures=small)) is None
    assert find(facts_of(MISSED, params, pictures=small)) is not None


@pytest.mark.parametrize(
    ("stored", "files", "size"),
    [((16, 16), (24, 20), [20, 20]), ((64, 32), (4000, 3000), [128, 64]), ((224, 224), (4000, 3000), None)],
)
def test_no_size_is_above_that_of_the_files_or_of_what_trains_in_time(
    stored: tuple[int, int], files: tuple[int, int], size: list[int] | None
) -> None:
    assert larger(stored, files).get("prepare.image_size") == size


def test_a_network_that_takes_one_size_alone_is_fitted_by_hand_and_few_photographs_want_another_network(params: Params) -> None:
    small = pictures_of(params, height=100, width=100)
    finding = find(facts_of(MISSED, params, pictures=small, network="encoder_classifier"))
    assert finding is not None
    assert finding.actions[0].command is None
    photographs = pictures_of(params, height=100, width=100, color="RGB", entropy=7.2)
    assert find(facts_of(MISSED, params, pictures=photographs)) is None
    assert find(facts_of(MISSED, params, pictures=photographs, network="transfer")) is not None
