"""The README's tables name what the project has: each table is held to the code that it is about."""

import re
from typing import get_args

from dataprep.config.augment import MIXINGS, OPERATIONS, AugmentConfig
from dataprep.config.prepare import ResizeMode
from dataprep.config.split import SplitConfig
from dataprep.ingest.build_manifest import ALL_ISSUES
from dataprep.store.manifest import REASONS
from models.config.model import NormaliseConfig
from models.diagnose.registry import FINDINGS
from pipelines.workspace.dvc_graph import read_stages
from tests.closure import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
DIAGNOSIS = (ROOT / "docs/diagnosis.md").read_text(encoding="utf-8")


def rows(text: str, heading: str) -> list[str]:
    """The rows below a table's heading."""
    below = text[text.index(f"\n| {heading} |") :].split("\n\n")[0]
    return below.strip().splitlines()[2:]


def words(text: str) -> list[str]:
    return re.findall(r"`([\w.]+)`?", text)


def firsts(text: str, heading: str) -> list[str]:
    return [words(row)[0] for row in rows(text, heading)]


def test_the_table_of_split_methods_is_complete() -> None:
    assert sorted(firsts(README, "`split.method`")) == sorted(get_args(SplitConfig.model_fields["method"].annotation))


def test_the_table_of_resize_modes_names_nothing_else() -> None:
    assert set(firsts(README, "`resize.mode`")) <= set(get_args(ResizeMode))


def test_the_table_of_operations_names_nothing_else() -> None:
    named = [name for row in rows(README, "you want") for name in words(row.split("|")[2])]
    others = {"oversample", "to_fraction", "model.input_noise", "model.head", "mnist"}
    assert [name for name in named if name not in {*AugmentConfig.model_fields, *others}] == []
    assert {*OPERATIONS, *MIXINGS} & set(named)


def test_reasons_and_issues_that_are_named_are_known() -> None:
    assert set(re.findall(r"--reason (\w+)", README)) <= set(REASONS)
    assert set(re.findall(r"--issue (\w+)", README)) | {"doubtful_bytes"} <= set(ALL_ISSUES)


def test_the_ways_to_normalise_are_named() -> None:
    (named,) = re.findall(r"`model\.normalise\.method` says \((.*?)\)", README)
    assert tuple(words(named)) == get_args(NormaliseConfig.model_fields["method"].annotation)


def test_the_line_is_that_of_dvc_yaml() -> None:
    assert re.findall(r"^  \| (\w+)", README, re.MULTILINE) == list(read_stages(ROOT / "dvc.yaml"))


def test_the_table_of_findings_is_complete() -> None:
    assert sorted(firsts(DIAGNOSIS, "finding")) == sorted(FINDINGS)
