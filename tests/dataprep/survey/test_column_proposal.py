from pathlib import Path

import polars as pl
import pytest

from dataprep.core.errors import SourceError
from dataprep.survey.column_proposal import propose_columns

PATHS = [b"img/%02d.jpg" % number for number in range(20)]
IDS = [f"{number:02d}" for number in range(20)]


def proposed(folder: Path, **columns: list[str]) -> dict[str, str | None]:
    path = folder / "table.csv"
    pl.DataFrame(columns).write_csv(path)
    return {name: value for name, value in propose_columns(path, PATHS).model_dump().items() if name != "file"}


def test_contents_find_the_paths_and_names_find_the_rest(tmp_path: Path) -> None:
    columns = proposed(
        tmp_path,
        note=[f"seen {number}" for number in range(20)],
        image_id=IDS,
        **{"Patient ID": ["p1", "p2", "p3", "p4"] * 5},
        dx_class=["benign", "malignant"] * 10,
        usage=["Train"] * 15 + ["Test"] * 5,
        camera=["old", "new"] * 10,
    )
    assert columns == {
        "path": "image_id",
        "label": "dx_class",
        "group": "Patient ID",
        "split": "usage",
        "origin": "camera",
    }


def test_a_label_column_needs_no_usual_name(tmp_path: Path) -> None:
    columns = proposed(tmp_path, file=[f"{number}.jpg" for number in IDS], kind_of_bird=["tit", "owl"] * 10)
    assert columns == {"path": "file", "label": "kind_of_bird", "group": None, "split": None, "origin": None}


def test_a_column_of_other_values_is_not_taken_by_its_name(tmp_path: Path) -> None:
    columns = proposed(tmp_path, id=IDS, label=IDS[::-1], animal=["tit", "owl"] * 10, split=["a", "b"] * 10)
    assert (columns["label"], columns["split"]) == ("animal", None)


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ({"a": ["x"] * 20, "b": ["y", "z"] * 10}, "a column must name the files below SOURCE; none of 'a', 'b' does"),
        (
            {"id": IDS, "b": [f"{number} m" for number in IDS]},
            "a column must hold the labels, few different values; 'id', 'b'",
        ),
    ],
)
def test_a_table_without_such_columns_is_one_line(columns: dict[str, list[str]], line: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=line):
        proposed(tmp_path, **columns)
