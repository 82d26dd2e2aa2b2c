from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.project.code_record import encode_record, installed_record
from pipelines.project.recipes import default_text


def test_the_command_says_what_is_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    record = installed_record()
    stages = {**record.stages, "train": "0" * 16}
    Path("darkroom-version.yaml").write_text(encode_record(record.model_copy(update={"version": "0.0.9", "stages": stages})))
    Path("params.yaml").write_text(default_text())
    ended = CliRunner().invoke(app, ["upgrade"], catch_exceptions=False)
    assert ended.output.startswith("the code of train changed: dvc repro runs them")
    assert f"upgrade: darkroom 0.0.9 -> {record.version}. Next: dvc repro" in ended.output
    assert "no stage has other code" in CliRunner().invoke(app, ["upgrade"], catch_exceptions=False).output
