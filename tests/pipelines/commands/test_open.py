import shutil
import webbrowser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dataprep.core.errors import ArtifactError
from pipelines.cli import app
from tests.closure import ROOT


@pytest.mark.parametrize("found", [True, False])
def test_the_report_is_opened_by_its_address(found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    with pytest.raises(ArtifactError, match=r"^reports/index.html is missing\. Run: dvc repro diagnose$"):
        CliRunner().invoke(app, ["open"], catch_exceptions=False)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/index.html").write_text("<html>")
    opened: list[str] = []

    def browse(address: str) -> bool:
        opened.append(address)
        return found

    monkeypatch.setattr(webbrowser, "open", browse)
    output = CliRunner().invoke(app, ["open"], catch_exceptions=False).output
    assert opened == [(tmp_path / "reports/index.html").resolve().as_uri()]
    assert opened[0] in output
    assert ("no browser was found" in output) != found
