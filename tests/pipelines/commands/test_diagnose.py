import re
import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from dataprep.core.errors import DarkroomError
from pipelines.cli import app
from tests.closure import SHIPPED
from tests.conftest import random_image, write_png

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(SHIPPED, tmp_path)
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> str:
    return CliRunner().invoke(app, ["diagnose", *arguments], catch_exceptions=False).output


def write_predictions(path: Path) -> None:
    """Forty images of class "a" and of one with a hostile name, of which four are read as the other."""
    labels = ["a" if number % 2 else HOSTILE for number in range(40)]
    sure = [0.1 if number in (1, 2, 3, 5) else 0.9 for number in range(40)]
    own = [value if label == "a" else 1 - value for label, value in zip(labels, sure, strict=True)]
    paths = [f"{'<b>' if number == 1 else 'x'}/{number}.png" for number in range(40)]
    table = {"path": paths, "label": labels, "probability_a": own, f"probability_{HOSTILE}": [1 - value for value in own]}
    pl.DataFrame(table).write_parquet(path)


@pytest.mark.processes  # a library asks the machine when it is imported
def test_a_page_shows_what_another_model_got_wrong(tmp_path: Path) -> None:
    write_predictions(tmp_path / "theirs.parquet")
    for number, name in enumerate(("<b>/1.png", "x/3.png", "x/5.png")):
        write_png(tmp_path / "photos" / name, random_image(number))
    (tmp_path / "photos/x/5.png").write_bytes(b"no image")
    output = run("theirs.parquet", "--images", "photos", "--out", "page", "--target", "0.8")
    assert output.startswith("The accuracy on validation is 90.0% (95% interval 76.9% to 96.0%) and cannot be told from")
    assert "warning: 2 of 4 images to show cannot be read in photos\npage: page/index.html\n" in output
    page = (tmp_path / "page/index.html").read_text()
    pictures = re.findall(r'<img src="data:image/png;base64,[^"]+" alt="image of class [^"]+">', page)
    assert len(pictures) == page.count("<img ") >= 2
    assert HOSTILE not in page
    assert "<b>/" not in page
    assert "&lt;b&gt;/" in page
    assert "<script" not in page
    assert str(tmp_path) not in page


@pytest.mark.processes  # a library asks the machine when it is imported
def test_without_images_the_page_has_names_alone_and_the_target_of_params(tmp_path: Path) -> None:
    write_predictions(tmp_path / "theirs.parquet")
    assert "misses the target of 99.0%" in run("theirs.parquet")
    page = (tmp_path / "reports/external/index.html").read_text()
    assert "<img" not in page
    assert page.count("x/3.png") >= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "93"], "--target must be a fraction from 0 to 1; got 93. Correct it"),
        (["--images", "nowhere"], "--images must be a folder; 'nowhere' is none. Correct it"),
    ],
)
def test_options_that_cannot_be_are_one_line(arguments: list[str], message: str) -> None:
    with pytest.raises(DarkroomError) as refused:
        run("theirs.parquet", *arguments)
    assert str(refused.value) == message
