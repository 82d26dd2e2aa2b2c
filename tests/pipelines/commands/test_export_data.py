import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dataprep.core.errors import ArtifactError, DarkroomError
from pipelines.cli import app
from tests.closure import ROOT
from tests.conftest import write_striped_tree
from tests.dataprep.prepare.test_packing import prepare, split_rows


def test_the_prepared_images_of_the_project_are_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    command = ["export-data", "--format", "npz"]
    with pytest.raises(ArtifactError, match=r"^data/prepared/index\.json is missing\. Run: dvc repro prepare$"):
        CliRunner().invoke(app, command, catch_exceptions=False)
    write_striped_tree(tmp_path / "raw", classes=3, images=10)
    prepare(split_rows(tmp_path / "raw"), tmp_path / "data/prepared", tmp_path / "raw")
    assert CliRunner().invoke(app, command, catch_exceptions=False).output == "export: 30 images -> data/export/npz\n"
    with np.load(tmp_path / "data/export/npz/train.npz") as arrays:
        assert arrays["images"].shape[1:] == (8, 8, 1)
    with pytest.raises(DarkroomError, match="is there already"):
        CliRunner().invoke(app, command, catch_exceptions=False)
