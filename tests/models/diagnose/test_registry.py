"""All findings: what each must keep."""

import ast
import shlex
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from ruamel.yaml import YAML

from dataprep.config.base import SPLITS
from models.diagnose import findings
from models.diagnose.facts import Facts
from models.diagnose.finding import Finding
from models.diagnose.label_suspects import find_suspects
from models.diagnose.metrics import measure
from models.diagnose.registry import FINDINGS
from models.evaluate.calibration import calibrate
from pipelines.parameters.params import Params, read_params
from tests.closure import ROOT, SHIPPED
from tests.models.diagnose.findings.test_harmful_augmentation import under
from tests.models.diagnose.findings.test_label_suspects import network_with
from tests.models.diagnose.findings.test_leakage import LEAKAGE
from tests.models.diagnose.findings.test_no_relation import UNRELATED
from tests.models.diagnose.findings.test_sensitive_to_change import THIN
from tests.models.diagnose.findings.test_shared_images import SHARED
from tests.models.diagnose.findings.test_shortcut import SHORTCUT
from tests.models.diagnose.findings.test_systematic_errors import WRITER
from tests.models.diagnose.test_loss_curve import FALLING, SLOW, SWINGING
from tests.models.made_up import answers, facts_of, pictures_of, predictions, quiet_evidence, robustness_of

FOLDER = Path(findings.__path__[0])


SMALL = {"kind": "cnn", "filters": [2], "dense_units": [256], "dropout": 0.8}


@pytest.fixture(scope="module")
def cases(params: Params) -> list[Facts]:
    """Trainings that end in every finding."""
    scores = [(0.9, 0.895, 0.89), (1.0, 0.93, 0.93), (0.99, 0.98, 0.9), (1.0, 0.999, 0.995), (1.0, 0.995, 0.99)]
    rows = [predictions({"train": (a, 4000), "validation": (b, 1000), "test": (c, 1000)}) for a, b, c in scores]
    true = ["a"] * 500 + ["b"] * 50
    rows.append(pl.concat([answers(true, ["a"] * 550, split) for split in SPLITS]))
    metrics = [measure(own) for own in rows]
    gaps = [facts_of(metrics[0], params, running=1.0, batch_normalisation=normalised) for normalised in (True, False)]
    missed = measure(predictions({"train": (0.6, 4000), "validation": (0.6, 1000), "test": (0.6, 1000)}))
    photographs = pictures_of(params, height=100, width=100, color="RGB", entropy=7.2, train_images=2000)
    others = [
        facts_of(missed, params, pictures=photographs),
        facts_of(missed, params, pictures=pictures_of(params, height=100, width=100)),
        facts_of(missed, params, losses=FALLING),
        facts_of(missed, params, losses=SLOW, learning_rate=2e-5),
        facts_of(missed, params, losses=SWINGING),
    ]
    balanced = measure(pl.concat([answers(["a", "b"] * 100, ["a"] * 200, split) for split in SPLITS]))
    stopped = network_with(0.1, sure=0.96)
    suspects = replace(quiet_evidence(), contradicted=find_suspects(stopped), suspects=find_suspects(stopped))
    sure = calibrate(rows[0].filter(pl.col("split") == "validation").with_columns(confidence=pl.lit(0.99, pl.Float32)), seed=0)
    operations = robustness_of(0.9, operations=[under("rotation", 0.5, 0.6)])
    guessed = measure(predictions({"train": (0.36, 900), "validation": (0.34, 300), "test": (0.33, 300)}))
    others += [
        facts_of(balanced, params),
        facts_of(measure(stopped), params, evidence=suspects),
        facts_of(guessed, params, evidence=UNRELATED),
        *(
            facts_of(metrics[0], params, evidence=evidence)
            for evidence in (
                SHARED,
                SHORTCUT,
                THIN,
                replace(quiet_evidence(), slices=[WRITER]),
                replace(quiet_evidence(), calibration=sure),
                replace(quiet_evidence(), robustness=operations),
            )
        ),
        facts_of(missed, params, network="perceptron", layers={"kind": "perceptron"}),
        facts_of(missed, params, layers=SMALL),
    ]
    return [*(facts_of(own, params, leakage=LEAKAGE) for own in metrics), *gaps, *others]


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_bears_the_name_of_its_file_and_is_seen_in_some_case(name: str, cases: list[Facts]) -> None:
    seen = [finding for facts in cases if (finding := FINDINGS[name](facts))]
    assert {finding.id for finding in seen} == {name}
    assert (FOLDER / f"{name}.py").is_file()
    assert (ROOT / f"tests/models/diagnose/findings/test_{name}.py").is_file()
    assert f"`{name}`" in (ROOT / "docs/diagnosis.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FINDINGS)
def test_points_lie_in_their_interval_and_sentences_end(name: str, cases: list[Facts]) -> None:
    for facts in cases:
        finding = FINDINGS[name](facts)
        if finding:
            assert finding.interval[0] <= finding.points <= finding.interval[1]
            assert all(text.endswith((".", "?")) for text in (finding.headline, finding.evidence))
            assert all(action.text[-1] in ".?" for action in finding.actions)
            assert not any(cause.endswith(".") for cause in finding.causes)


@pytest.mark.slow
def test_each_command_sets_parameters_that_params_yaml_takes(cases: list[Facts], tmp_path: Path) -> None:
    proposed = [action for facts in cases for finding in found_in(facts) for action in finding.actions if action.command]
    assert len({action.command for action in proposed}) > 4
    for action in proposed:
        content = YAML(typ="safe").load(SHIPPED.read_text())
        for key, value in action.changes.items():
            *above, last = key.split(".")
            section = content
            for part in above:
                section = section[part]
            assert section[last] != value or isinstance(value, dict), key  # what another kind of network is replaced by
            section[last] = value
        path = tmp_path / "params.yaml"
        YAML().dump(content, path)
        read_params(path)
        words = shlex.split(action.command or "")
        assert words[:3] == ["dvc", "exp", "run"]
        settings = [setting for setting in words[4::2] if not setting.startswith("~")]
        assert {key.lstrip("+"): YAML(typ="safe").load(value) for key, value in (own.split("=", 1) for own in settings)} == (
            action.changes
        )


def test_findings_import_neither_each_other_nor_tensorflow() -> None:
    for path in FOLDER.glob("*.py"):
        imported = {node.module for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)}
        assert not any(str(name).startswith(("models.diagnose.findings", "keras", "tensorflow")) for name in imported), path


def found_in(facts: Facts) -> list[Finding]:
    return [finding for find in FINDINGS.values() if (finding := find(facts))]
