from dataclasses import replace

from models.diagnose.findings.no_relation import find
from models.diagnose.metrics import measure
from pipelines.parameters.params import Params
from tests.models.made_up import baselines, facts_of, predictions, quiet_evidence

GUESSED = measure(predictions({"train": (0.36, 900), "validation": (0.34, 300), "test": (0.33, 300)}))
READ = measure(predictions({"train": (0.9, 900), "validation": (0.6, 300), "test": (0.6, 300)}))
UNRELATED = replace(quiet_evidence(), baselines=baselines(0.35, 0.33))


def test_a_guess_by_the_network_and_by_all_others_is_no_relation(params: Params) -> None:
    finding = find(facts_of(GUESSED, params, evidence=UNRELATED))
    assert finding is not None
    assert finding.severity == "blocker"
    assert "reaches 35.0%, and with shuffled labels 33.0%" in finding.evidence


def test_where_anyone_is_better_than_a_guess_there_is_a_relation(params: Params) -> None:
    assert find(facts_of(GUESSED, params)) is None  # a cheap classifier is
    assert find(facts_of(READ, params, evidence=UNRELATED)) is None  # the network is
