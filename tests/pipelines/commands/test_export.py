from pathlib import Path

import pytest
from typer.testing import CliRunner

from dataprep.core.errors import ArtifactError, DarkroomError
from models.export import exported_model
from pipelines.cli import app


def test_what_is_missing_is_said_before_keras_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtifactError, match=r"^artifacts/model\.keras is missing\. Run: dvc repro train$"):
        CliRunner().invoke(app, ["export", "--format", "tflite"], catch_exceptions=False)
    monkeypatch.setitem(exported_model._NEEDED, "tflite", {"no_such_module": "no-such-package"})
    with pytest.raises(DarkroomError, match=r"Run: pip install no-such-package$"):
        CliRunner().invoke(app, ["export", "--format", "tflite"], catch_exceptions=False)
    assert CliRunner().invoke(app, ["export", "--format", "h5"]).exit_code == 2
