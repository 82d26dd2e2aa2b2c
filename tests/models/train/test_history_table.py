from pathlib import Path

import polars as pl
import pytest

from dataprep.core.errors import ArtifactError
from models.train.history_table import read_history

HEAD = "epoch,loss,accuracy,val_loss,val_accuracy\n"
GOOD = HEAD + "1,0.5,0.8,0.4,0.9\n2,0.25,0.9,0.2,1.0\n"


def test_a_history_reads_back_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text(GOOD)
    assert read_history(tmp_path / "history.csv").write_csv() == GOOD


def test_a_training_that_diverged_in_the_end_has_a_history(tmp_path: Path) -> None:
    rows = pl.DataFrame(
        {"epoch": [1, 2], "loss": [1.0, float("inf")], "accuracy": 0.5, "val_loss": [1.0, float("nan")], "val_accuracy": 0.5}
    )
    (tmp_path / "history.csv").write_text(rows.write_csv())
    assert read_history(tmp_path / "history.csv").write_csv() == rows.write_csv()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as numbers of epochs"),
        (b"\0\0\0", "must have the columns epoch, loss, accuracy, val_loss, val_accuracy; it has"),
        (b"\xff\xfe\x00", "cannot be read as numbers|must have the columns"),
        (HEAD.encode(), "epochs must be 1 to n, at least one; got"),
        (GOOD.replace("loss,acc", "acc").encode(), "must have the columns|cannot be read as numbers"),
        (GOOD.replace("val_loss", "loss").encode(), "must have the columns|cannot be read"),
        (GOOD.replace("epoch", "more,epoch").encode(), "must have the columns"),
        (GOOD.replace("0.25", "a lot").encode(), "cannot be read as numbers"),
        (GOOD.replace("0.25", "").encode(), "losses must be at least 0, .* one is missing or below"),
        (GOOD.replace("0.25", "-1").encode(), "losses must be at least 0"),
        (GOOD.replace("0.8", "80").encode(), "row 0: accuracy must be at most 1; got 80.0"),
        (GOOD.replace("0.8", "nan").encode(), "row 0: accuracy must be a finite number; got nan"),
        (GOOD.replace("0.8", "").encode(), "row 0: accuracy must have a value"),
        (GOOD.replace("\n2,", "\n3,").encode(), "epochs must be 1 to n, at least one; got 1, 3"),
        (GOOD.replace("\n1,", "\n0,").encode(), "row 0: epoch must be at least 1; got 0"),
        (GOOD.replace("\n1,", "\n1.5,").encode(), "cannot be read as numbers"),
        (GOOD.replace("\n1,", "\n99999999999999999999,").encode(), "cannot be read as numbers"),
        (GOOD.replace("0.4", "nan").replace("0.2,", "inf,").encode(), "val_loss must be a finite number in one epoch"),
        (GOOD[:-10].encode(), "cannot be read|must have a value|is missing"),
        (GOOD.encode() + b"3,0.1,0.9,0.1,0.9,7\n", "cannot be read as numbers"),
        (b"<html>", "must have the columns"),
    ],
)
def test_a_damaged_history_is_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=message) as refused:
        read_history(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert str(refused.value).endswith(". Run: dvc repro train")
    assert "\n" not in str(refused.value)


def test_a_missing_history_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"history\.csv is missing\. Run: dvc repro train"):
        read_history(tmp_path / "history.csv")
