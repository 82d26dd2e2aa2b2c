from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from dataprep.core.errors import DarkroomError
from pipelines.cli import app


def test_scans_are_the_same_each_time_and_replace_nothing(tmp_path: Path) -> None:
    asked = ["--writers", "2", "--samples", "1", "--size", "32"]
    for name in ("one", "two"):
        ended = CliRunner().invoke(app, ["example", str(tmp_path / name), *asked], catch_exceptions=False)
        assert "20 scans of 2 writers" in ended.output
    first, second = (sorted((tmp_path / name).rglob("*.jpg")) for name in ("one", "two"))
    assert [path.relative_to(tmp_path / "one").as_posix() for path in first[:2]] == ["writer00/0/0.jpg", "writer00/1/0.jpg"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    with Image.open(first[0]) as image:
        assert (image.mode, min(image.size) >= 30, max(image.size) <= 34) == ("L", True, True)
    with pytest.raises(DarkroomError, match=r"^FOLDER must be a new folder; '.*one' is there\. Name another$"):
        CliRunner().invoke(app, ["example", str(tmp_path / "one")], catch_exceptions=False)
