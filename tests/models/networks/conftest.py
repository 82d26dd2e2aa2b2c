"""Networks that read files look for them in the current folder."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, an empty one, and in it the folder of networks that Keras saved."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "saved_networks").mkdir()
    return tmp_path / "saved_networks"
