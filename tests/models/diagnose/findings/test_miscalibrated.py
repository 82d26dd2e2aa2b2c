from dataclasses import replace

import polars as pl

from models.diagnose.findings.miscalibrated import find
from models.diagnose.metrics import measure
from models.evaluate.calibration import calibrate
from pipelines.parameters.params import Params
from tests.models.made_up import facts_of, predictions, quiet_evidence

ROWS = predictions({"train": (1.0, 900), "validation": (0.8, 400), "test": (0.8, 400)})


def test_a_network_that_is_surer_than_right_is_a_note(params: Params) -> None:
    sure = ROWS.with_columns(confidence=pl.lit(0.99, pl.Float32))
    evidence = replace(quiet_evidence(), calibration=calibrate(sure.filter(pl.col("split") == "validation"), seed=0))
    finding = find(facts_of(measure(ROWS), params, 0.99, evidence=evidence))
    assert finding is not None
    assert finding.severity == "note"
    assert finding.headline == "Calibration: the network is surer than it is right."
    assert find(facts_of(measure(ROWS), params, 0.99)) is None
