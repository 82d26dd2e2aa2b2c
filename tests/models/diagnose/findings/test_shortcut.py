from dataclasses import replace

import pytest

from models.diagnose.findings.shortcut import find
from models.diagnose.metrics import measure
from models.evaluate.regions import Region, UnderRegion
from pipelines.parameters.params import Params
from tests.models.made_up import facts_of, predictions, quiet_evidence, robustness_of

METRICS = measure(predictions({"train": (1.0, 900), "validation": (0.98, 300), "test": (0.98, 300)}))


def region(name: Region, hidden: float, alone: float) -> UnderRegion:
    return UnderRegion(
        region=name,
        area=0.44 if name == "border" else 0.25 if name == "centre" else 0.06,
        hidden=hidden,
        hidden_interval=(max(hidden - 0.05, 0), min(hidden + 0.05, 1)),
        alone=alone,
        alone_interval=(max(alone - 0.05, 0), min(alone + 0.05, 1)),
    )


SHORTCUT = replace(
    quiet_evidence(), robustness=robustness_of(0.98, regions=[region("centre", 0.9, 0.5), region("top left corner", 0.3, 0.97)])
)


def test_a_corner_without_which_nothing_is_read_is_a_shortcut(params: Params) -> None:
    finding = find(facts_of(METRICS, params, evidence=SHORTCUT))
    assert finding is not None
    assert finding.severity == "blocker"
    assert finding.headline == "Shortcut: the network decides by the top left corner, not by what the images show."
    assert finding.points == pytest.approx(68.0)
    assert "with the top left corner hidden (6% of the image) it is 30.0%, and where nothing but that is shown, 97.0%" in (
        finding.evidence
    )


@pytest.mark.parametrize(("name", "hidden", "alone"), [("centre", 0.3, 0.97), ("border", 0.3, 0.4), ("border", 0.9, 0.97)])
def test_the_centre_is_no_shortcut_nor_is_one_clue_among_others(
    params: Params, name: Region, hidden: float, alone: float
) -> None:
    evidence = replace(quiet_evidence(), robustness=robustness_of(0.98, regions=[region(name, hidden, alone)]))
    assert find(facts_of(METRICS, params, evidence=evidence)) is None


def test_a_corner_that_is_enough_alone_is_a_shortcut_though_the_rest_is_read_too(params: Params) -> None:
    evidence = replace(quiet_evidence(), robustness=robustness_of(0.98, regions=[region("bottom right corner", 0.9, 0.97)]))
    finding = find(facts_of(METRICS, params, evidence=evidence))
    assert finding is not None
    assert finding.headline.startswith("Shortcut: the network decides by the bottom right corner")
