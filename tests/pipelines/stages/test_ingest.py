import re
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from dataprep.ingest.corrections import NO_CORRECTIONS
from pipelines.run.manifest_summary import print_summary
from tests.dataprep.ingest.ingesting import run


def test_ingest_counts_exact_copies(
    make_tree: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    source = make_tree(classes=2, images=4)
    for number in range(3):
        shutil.copy(source / "class0/03.png", source / f"class0/copy{number}.png")
    print_summary(run(source), num_read=11, num_known=0)
    printed = capsys.readouterr().out
    assert re.search(r"used, but copy of another file +│ +3 +│ class0/copy0.png: same picture as", printed)
    assert "2 classes, 3 exact copies, 0 clusters of near duplicates" in printed


def test_ingest_counts_corrections(make_tree: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    marks = [("class0/00.png", "fine"), ("class0/01.png", "exclude"), ("class0/02.png", "fine"), ("gone.png", "fine")]
    decided = pl.DataFrame([(*mark, None) for mark in marks], schema=NO_CORRECTIONS.schema, orient="row")
    source = make_tree(classes=2, images=4)
    print_summary(run(source, corrections=decided), num_read=8, num_known=0)
    assert capsys.readouterr().out.endswith(
        "-> 7 ok / 1 quarantined / 0 skipped; 2 classes, 0 exact copies, 0 clusters of near duplicates; "
        "corrections: 2 fine, 1 exclude\n"
    )
    print_summary(run(source), num_read=8, num_known=0)
    assert capsys.readouterr().out.endswith("0 clusters of near duplicates\n")
