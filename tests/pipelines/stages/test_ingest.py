import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.manifest_summary import print_summary
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
