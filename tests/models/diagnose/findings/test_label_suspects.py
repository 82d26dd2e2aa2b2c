from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from models.diagnose.findings.label_suspects import find
from models.diagnose.label_suspects import find_suspects
from models.diagnose.metrics import measure
from models.evaluate.predictions import predictions_frame
from pipelines.parameters.params import Params
from tests.models.made_up import facts_of, quiet_evidence

CLASSES = ["a", "b", "c"]


def network_with(wrong_labels: float, *, sure: float, by_heart: bool = False) -> pl.DataFrame:
    """Predictions of a network that knows every image; of each split one part has another label than what it shows."""
    parts = []
    for split, count in (("train", 600), ("validation", 200), ("test", 200)):
        numbers = np.arange(count)
        shown = numbers % 3
        labels = np.where(numbers < wrong_labels * count, (shown + 1) % 3, shown)
        seen = labels if by_heart and split == "train" else shown
        probabilities = np.full((count, 3), (1 - sure) / 2, dtype=np.float32)
        probabilities[numbers, seen] = sure
        ids = [f"{split}{number:04d}.png" for number in numbers]
        parts.append(predictions_frame(ids, split, labels, probabilities, CLASSES))
    return pl.concat(parts).with_columns(cluster="id")


def facts(params: Params, rows: pl.DataFrame):  # type: ignore[no-untyped-def]
    suspects = find_suspects(rows)
    evidence = replace(quiet_evidence(), suspects=suspects, contradicted=suspects)
    return facts_of(measure(rows), params, 0.99, evidence=evidence)


def test_wrong_labels_that_the_network_contradicts_come_first(params: Params) -> None:
    finding = find(facts(params, network_with(0.1, sure=0.96)))
    assert finding is not None
    assert finding.severity == "blocker"
    assert finding.points == pytest.approx(10.0)
    assert finding.headline == "Labels: about 10.0% of them are probably wrong, 100 images."
    assert "For example test0000.png: label 'b', probably 'a'." in finding.evidence
    assert finding.images[0] == "test0000.png"


@pytest.mark.parametrize(
    ("wrong", "sure", "by_heart"),
    [(0.0, 0.96, False), (0.1, 0.6, False), (0.1, 0.96, True), (0.01, 0.96, False)],
    ids=["none is wrong", "the network is not sure", "it learnt them by heart", "few are"],
)
def test_else_the_mistakes_are_the_network_s(params: Params, wrong: float, sure: float, by_heart: bool) -> None:
    assert find(facts(params, network_with(wrong, sure=sure, by_heart=by_heart))) is None
