import io
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from dataprep.config.base import SplitName
from dataprep.core.spreadsheet_cells import decode_cell
from models.diagnose import evidence as evidence_module
from models.diagnose.evidence import ImageTables, gather_evidence
from models.diagnose.label_suspects import find_suspects
from models.diagnose.metrics import measure
from models.diagnose.plot_tables import encode_plots
from models.diagnose.slices import Slice
from models.evaluate.calibration import calibrate
from models.train.out_of_fold_table import NO_FOLDS
from pipelines.parameters.params import Params
from tests.models.made_up import answers, facts_of, predictions, quiet_evidence, robustness_of


def tables(folder: Path, rows: pl.DataFrame, params: Params, slices: list[Slice]) -> dict[str, pl.DataFrame]:
    """The tables as anybody reads them, by name."""
    measured = replace(quiet_evidence(), slices=slices, calibration=calibrate(rows.filter(split="validation"), seed=0))
    encoded = encode_plots(folder, rows, facts_of(measure(rows), params, evidence=measured), "validation")
    return {path.stem: pl.read_csv(io.BytesIO(content)) for path, content in encoded.items()}


def test_calibration_has_a_row_for_each_bin_that_has_images(tmp_path: Path, params: Params) -> None:
    rows = predictions({"train": (1.0, 30), "validation": (0.8, 100), "test": (1.0, 30)})
    found = tables(tmp_path, rows, params, [])["calibration"]
    assert found.columns == ["confidence", "accuracy", "low", "high", "images"]
    assert found.height == 5  # confidence rises from 0.5 to 0.99
    assert found["images"].sum() == 100
    assert found["confidence"].is_sorted()
    assert found.filter(pl.col("low") <= pl.col("accuracy"), pl.col("accuracy") <= pl.col("high")).height == found.height


def test_slices_are_the_classes_and_what_images_have_in_common_in_the_shown_split(tmp_path: Path, params: Params) -> None:
    true = ["=a", "=a", "b", "'c"]
    rows = pl.concat(answers(true, ["=a", "b", "b", "'c"], split) for split in ("train", "validation", "test"))
    accuracy = facts_of(measure(rows), params).metrics.validation
    named: list[tuple[str, str, SplitName]] = [
        ("group 'w2'", "group", "validation"),
        ("group 'w1'", "group", "validation"),
        ("group 'w1'", "group", "test"),
        ("look-alikes 1", "features", "validation"),
    ]
    made = [Slice(name, kind, split, accuracy, accuracy, 1.0, ()) for name, kind, split in named]
    found = tables(tmp_path, rows, params, made)["slices"]
    assert found.select("kind", "slice", "accuracy", "images").rows() == [
        ("class", "''c", 1.0, 1),
        ("class", "'=a", 0.5, 2),
        ("class", "b", 1.0, 1),
        ("group", "group 'w1'", 0.75, 4),
        ("group", "group 'w2'", 0.75, 4),
    ]
    assert list(map(decode_cell, found["slice"][:3])) == ["'c", "=a", "b"]


def test_confusion_has_the_names_as_they_are(tmp_path: Path, params: Params) -> None:
    rows = pl.concat(answers(["=a", "b"], ["b", "b"], split) for split in ("train", "validation", "test"))
    assert tables(tmp_path, rows, params, [])["confusion"].rows() == [("=a", "b"), ("b", "b")]


def test_what_a_person_found_fine_is_no_suspect(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = predictions({"train": (1.0, 30), "validation": (0.8, 60), "test": (1.0, 30)})
    ids = find_suspects(rows)["id"].to_list()
    marks = ["fine", "wrong_label", "exclude", *[None] * (len(ids) - 3)]
    manifest = pl.DataFrame({"id": ids, "correction": marks})
    for name in ("measure_baselines", "find_slices", "find_shifts", "find_shared"):
        monkeypatch.setattr(evidence_module, name, lambda *_, **__: None)
    found = gather_evidence(
        rows,
        ImageTables(rows, rows, NO_FOLDS),
        manifest=manifest,
        split=rows,
        prepared=tmp_path,
        robustness=robustness_of(None),
        seed=0,
    )
    assert found.suspects["id"].to_list() == ids[1:]
