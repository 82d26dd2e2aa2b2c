"""What `darkroom predict` says before a network is loaded; tests/end_to_end/test_predict.py has the rest."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dataprep.core.errors import DarkroomError
from models.predict.prediction import Answer, Prediction, PreparedImage, Refusal
from pipelines.cli import app
from pipelines.prediction.predicting import SHOWN, Tally, is_other_file
from tests.closure import SHIPPED


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(SHIPPED, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipelines.environment_variables.settle", lambda: None)  # of the process of all tests


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x.png", "--out", "x.txt"], r"--out must end in \.csv, \.parquet, \.jsonl; got 'x\.txt'"),
        (["x.png"], r"artifacts/model\.keras is missing\. Run: dvc repro train"),
        (["x.png", "--model", "params.yaml"], r"params\.yaml cannot be loaded as a Keras model"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], message: str) -> None:
    with pytest.raises(DarkroomError, match=message) as raised:
        CliRunner().invoke(app, ["predict", *arguments], catch_exceptions=False)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "reason", "is_other"),
    [
        ("in/README", "not_an_image", True),
        ("in/labels.csv", "empty", True),
        ("in/a.png", "not_an_image", False),
        ("in/a.dat", "damaged", False),
        ("in/Thumbs.db", "skipped", True),
    ],
)
def test_what_is_not_meant_as_an_image_is_not_refused(name: str, reason: str, is_other: bool) -> None:  # a case
    refused = Refusal(reason, "why")  # type: ignore[arg-type]
    assert is_other_file(PreparedImage(name, None, refused=refused)) is is_other


def test_the_least_sure_are_kept_and_all_are_counted() -> None:
    tally = Tally()
    for number in range(SHOWN + 10):
        tally.add(
            Prediction(
                f"{number}.png", top=(Answer("a", 1 - number / 1000),), accepted=number < 5, unlike=("darker",)[number % 2 :]
            )
        )
    tally.add(Prediction("bad.png", refused=Refusal("empty", "the file has 0 bytes")))
    assert (tally.predicted, tally.accepted, tally.unlike, len(tally.refused)) == (SHOWN + 10, 5, (SHOWN + 10) // 2, 1)
    kept = [own.name for _, _, own in sorted(tally.least_sure, key=lambda entry: entry[:2], reverse=True)]
    assert kept == [f"{number}.png" for number in range(SHOWN + 9, 9, -1)]
