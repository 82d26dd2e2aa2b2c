"""Labels from a table: which row is of which file, and what is said of the others."""

from pathlib import Path

import polars as pl
import pytest

from dataprep.config.ingest import LabelTableConfig
from dataprep.core.errors import DarkroomError, ParamsError, SourceError
from dataprep.ingest.label_table import find_labels, label_files, read_label_table, table_warnings
from dataprep.source.raw_folder import scan
from tests.conftest import random_image, write_png
from tests.dataprep.ingest.ingesting import INGEST, by_id, run, with_values

PATHS = [b"a/1.png", b"a/2.png", b"b/3.jpg", b"b/sub/4.png"]


def section(file: Path, **columns: str) -> LabelTableConfig:
    names: dict[str, str | None] = {"path": "image", "label": "class", "group": None, "split": None, "origin": None, **columns}
    return LabelTableConfig.model_validate({"file": str(file), **names})


def table(folder: Path, text: str, name: str = "labels.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def labels(path: Path, paths: list[bytes] = PATHS) -> list[str | None]:
    return label_files(read_label_table(section(path)), paths, "labels.csv").facts["label"].to_list()


@pytest.mark.parametrize(
    "keys",
    [
        ["a/1.png", "a/2.png", "b/3.jpg", "b/sub/4.png"],
        ["./a/1.png", "./a/2.png", "./b/3.jpg", "./b/sub/4.png"],
        ["a\\1.png", "a\\2.png", "b\\3.jpg", "b\\sub\\4.png"],
        ["1.png", "2.png", "3.jpg", "4.png"],
        ["1", "2", "3", "4"],
    ],
)
@pytest.mark.parametrize(("name", "separator"), [("l.csv", ","), ("l.csv", ";"), ("l.tsv", "\t"), ("l.parquet", "")])
def test_rows_find_their_files_by_path_by_name_and_without_ending(
    keys: list[str], name: str, separator: str, tmp_path: Path
) -> None:
    cells = [("image", "class"), *zip(reversed(keys), "4321", strict=True)]
    path = table(tmp_path, "\ufeff" + "\r\n".join(map((separator or ",").join, cells)), name)
    if name.endswith("parquet"):
        pl.DataFrame(cells[1:], schema=["image", "class"], orient="row").with_columns(
            pl.col("class").cast(pl.Int8)
        ).write_parquet(path)
    assert labels(path) == ["1", "2", "3", "4"]


def test_what_has_no_column_is_not_known_and_splits_have_their_usual_names(tmp_path: Path) -> None:
    path = table(tmp_path, "image,class,who,set\n1.png,x,w1,Train\n2.png,y,,valid\n3.jpg, x ,w2,\n")
    found = label_files(read_label_table(section(path, group="who", split="set")), PATHS, "labels.csv")
    assert found.facts.rows() == [
        ("x", "w1", "train", None),
        ("y", None, "validation", None),
        ("x", "w2", None, None),
        (None, None, None, None),
    ]


@pytest.mark.parametrize(
    ("text", "columns", "kind", "line"),
    [
        (
            "image,class\n9.png,x\n",
            {},
            SourceError,
            r"none of 1 rows does, for example '9.png'; files are 'a/1.png', 'a/2.png'",
        ),
        (
            "image,class\n1.png,x\n1.png,y\n",
            {},
            SourceError,
            r"rows 2 and 3 of '1.png' differ \('x', 'y'\), .* keep one row each",
        ),
        (
            "image,klass\n1.png,x\n",
            {},
            ParamsError,
            r"ingest.labels.label must be a column of .*; got 'class'. Did you mean klass",
        ),
        (
            "image,class,set\n1.png,x,dawn\n",
            {"split": "set"},
            SourceError,
            r"row 2: the split must be one of train, .*; got 'dawn'",
        ),
        ('image,class\n"1.png,x\n', {}, SourceError, "cannot be read as one"),
        ("image,class\n1.png,x,y\n", {}, SourceError, "cannot be read as one"),
    ],
)
def test_a_table_that_cannot_be_is_one_line(
    text: str, columns: dict[str, str], kind: type[DarkroomError], line: str, tmp_path: Path
) -> None:
    path = table(tmp_path, text)
    with pytest.raises(kind, match=line) as error:
        label_files(read_label_table(section(path, **columns)), PATHS, "labels.csv")
    assert "\n" not in str(error.value)


def test_a_missing_table_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"ingest.labels.file must be a CSV, TSV or Parquet; .* \(No such file"):
        read_label_table(section(tmp_path / "nowhere.csv"))


def test_a_name_of_several_files_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "image,class\n1.png,x\n2.png,y\n")
    with pytest.raises(SourceError, match=r"row 2: .* '1.png' names 2: 'a/1.png', 'c/1.png'. Write paths relative"):
        labels(path, [*PATHS, b"c/1.png"])


def test_rows_that_agree_count_once(tmp_path: Path) -> None:
    assert labels(table(tmp_path, "image,class\n1.png,x\n1.png,x\n")) == ["x", None, None, None]


def test_what_has_no_counterpart_is_counted_and_not_lost(tmp_path: Path) -> None:
    source = tmp_path / "raw"
    for number, name in enumerate(["a.png", "b.png", "c.png", "d.png"]):
        write_png(source / name, random_image(number))
    write_png(source / "__MACOSX/a.png", random_image(9))
    path = table(source, "image,class\na.png,x\nb.png,y\nc.png,\ngone.png,x\n")
    config = with_values(INGEST, labels=section(path).model_dump())
    found = find_labels(config.labels, scan(source, config.skip))
    rows = by_id(manifest := run(source, config))
    assert {name: (row["label"], row["status"], row["reason"]) for name, row in rows.items()} == {
        "__MACOSX/a.png": (None, "skipped", "skipped"),
        "a.png": ("x", "ok", None),
        "b.png": ("y", "ok", None),
        "c.png": (None, "skipped", "unlabelled"),
        "d.png": (None, "skipped", "unlabelled"),
        "labels.csv": (None, "skipped", "other_file"),
    }
    lines = table_warnings(manifest, found)
    assert [line.partition("labels.csv: ")[2] or line for line in lines] == [
        "rows that name no file in ingest.source: 1 of 4: 'gone.png'",
        "rows without a label: 1 of 4: 'c.png'",
        "images without a label in the table of ingest.labels, not used: 2: 'c.png', 'd.png'",
    ]
    assert table_warnings(manifest, None) == []
