import csv
import io
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.core.errors import DarkroomError, ParamsError, SourceError
from dataprep.core.spreadsheet_cells import encode_cell
from dataprep.ingest.build_manifest import check_quarantined
from dataprep.ingest.corrections import HEADER, correction_warnings, read_corrections
from dataprep.store.manifest import read_manifest, write_manifest
from tests.conftest import random_image, write_png
from tests.dataprep.ingest.ingesting import INGEST, by_id, run, with_values

Rows = list[tuple[str, str, str]]


def encoded(rows: Rows, separator: str = ",", start: str = "") -> bytes:
    """A file as the report exports it, or as a spreadsheet saves it."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator)
    writer.writerows([HEADER, *(map(encode_cell, row) for row in rows)])
    return (start + file.getvalue()).encode()


def corrections(folder: Path, rows: Rows) -> pl.DataFrame:
    path = folder / "corrections.csv"
    path.write_bytes(encoded(rows))
    return read_corrections(str(path))


texts = st.text(st.characters(codec="utf-8"), min_size=1) | st.text("=+-@'\t\r\n,;\"a", min_size=1)
labels = texts.filter(lambda text: text.isprintable() and text.strip() and "/" not in text)


decisions = st.builds("wrong_label,{}".format, labels) | st.sampled_from(["exclude,", "fine,"])


@given(st.dictionaries(texts, decisions, max_size=4), st.sampled_from(",;"), st.sampled_from(["", "\ufeff"]))
def test_hostile_names_come_back_from_what_any_spreadsheet_saves(
    tmp_path_factory: pytest.TempPathFactory, decided: dict[str, str], separator: str, start: str
) -> None:
    marks = {path: decision.split(",", 1) for path, decision in decided.items()}
    rows = [(path, mark, label) for path, (mark, label) in marks.items()]
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(encoded(rows, separator, start))
    assert read_corrections(str(path)).rows() == [(image_id, mark, label or None) for image_id, mark, label in rows]


def test_a_file_that_a_spreadsheet_saved_is_read(tmp_path: Path) -> None:
    path = tmp_path / "saved.csv"
    path.write_bytes(
        b'\xef\xbb\xbfpath;mark;label\r\n\'=a.png;wrong_label;7\r\n;;\r\nb,c.png;exclude\r\n\r\n"d""e.png";fine;;\r\n'
    )
    assert read_corrections(str(path)).rows() == [
        ("=a.png", "wrong_label", "7"),
        ("b,c.png", "exclude", None),
        ('d"e.png', "fine", None),
    ]


def test_no_file_and_an_empty_table_are_no_corrections(tmp_path: Path) -> None:
    assert read_corrections(None).equals(corrections(tmp_path, []))


HEAD = b"path,mark,label\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"path,label,mark\n", "{}: the first row must be path,mark,label; got 'path,label,mark'. Export it anew"),
        (b"", "{}: the first row must be path,mark,label; got ''. Export it anew"),
        (HEAD + b"\xff,fine,", "{} must be text in UTF-8; byte 16 is none. Save it as CSV UTF-8, or export it anew"),
        (HEAD.decode().encode("utf-16"), "{} must be text in UTF-8; byte 0 is none"),
        (HEAD + b'"a"b,fine,', "{} must be a CSV; it cannot be read as one ("),
        (
            HEAD + b"a,b.png,wrong_label,7",
            "{}, row 2: must have 3 cells, path, mark, label; got 4. Put a path with",
        ),
        (
            HEAD + b"a,fine,\nb,Fine,",
            "{}, row 3: mark must be one of wrong_label, exclude, fine; got 'Fine'. Did",
        ),
        (HEAD + b",fine,", "{}, row 2: path must be that of an image; it is empty"),
        (HEAD + b"a,wrong_label,", "{}, row 2: label must be the right class of 'a'; it is empty. Write it"),
        (HEAD + b"a,wrong_label", "{}, row 2: label must be the right class of 'a'; it is empty. Write it"),
        (HEAD + b"a,exclude,7", "{}, row 2: label must be empty for exclude; got '7'. Clear it, or mark wrong_label"),
        (
            HEAD + b"a,wrong_label,b/c",
            "{}, row 2: label must be the name of a class, without slashes and control characters; got 'b/c",
        ),
        (HEAD + b'a,wrong_label,"b\nc"', "characters; got 'b\\nc'. Correct it"),
        (
            HEAD + b"a,fine,\nb,fine,\na,wrong_label,7",
            "{}: rows of one path must agree; 'a' is fine in row 2 and wrong_label '7' in row 4. Remove one of them",
        ),
        (HEAD + b"a,wrong_label,6\na,wrong_label,7", "'a' is wrong_label '6' in row 2 and wrong_label '7' in row 3"),
    ],
)
def test_a_file_that_cannot_be_is_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "corrections.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError) as refused:
        read_corrections(str(path))
    assert message.format(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_rows_of_one_path_that_agree_are_one(tmp_path: Path) -> None:
    assert corrections(tmp_path, [("a", "fine", "")] * 2).rows() == [("a", "fine", None)]


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"ingest\.corrections must be a CSV .*'nowhere\.csv' cannot be read \(No such file"):
        read_corrections("nowhere.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DarkroomError, match="is a named pipe"):
        read_corrections(str(tmp_path / "pipe.csv"))


def test_a_person_decides_labels_and_what_is_used(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=3, images=4)
    (source / "class2/cut.png").write_bytes((source / "class2/00.png").read_bytes()[:90])
    write_png(source / "stray.png", random_image(1))
    decided = corrections(
        tmp_path,
        [
            ("class0/00.png", "wrong_label", "class1"),
            ("class0/01.png", "exclude", ""),
            ("class0/02.png", "fine", ""),
            ("class2/cut.png", "wrong_label", "class1"),
            ("stray.png", "wrong_label", "class2"),
        ],
    )
    before, after = by_id(run(source)), run(source, corrections=decided)
    rows = by_id(after)
    stands = ("label", "given_label", "correction", "status", "reason")
    assert {image_id: tuple(row[name] for name in stands) for image_id, row in rows.items() if row["correction"]} == {
        "class0/00.png": ("class1", "class0", "wrong_label", "ok", None),
        "class0/01.png": ("class0", "class0", "exclude", "quarantined", "excluded"),
        "class0/02.png": ("class0", "class0", "fine", "ok", None),
        "class2/cut.png": ("class1", "class2", "wrong_label", "quarantined", "undecodable"),
        "stray.png": ("class2", None, "wrong_label", "ok", None),
    }
    assert rows["class0/01.png"]["message"] == "excluded by a person, in ingest.corrections"
    assert before["stray.png"]["reason"] == "pattern"
    assert before["class0/02.png"] | {"correction": "fine"} == rows["class0/02.png"]
    assert all(before[image_id] == row for image_id, row in rows.items() if not row["correction"])
    write_manifest(tmp_path / "manifest.parquet", after)
    assert read_manifest(tmp_path / "manifest.parquet").equals(after)


def test_labels_are_compared_after_the_corrections(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=3)
    for label in range(2):
        write_png(source / f"class{label}/same.png", random_image(7))
    config = with_values(INGEST, min_class_images=3)
    assert by_id(run(source, config))["class0/same.png"]["reason"] == "label_conflict"
    rows = by_id(run(source, config, corrections(tmp_path, [("class1/same.png", "wrong_label", "class0")])))
    assert {row["status"] for row in rows.values()} == {"ok"}
    decided: Rows = [("class1/same.png", "exclude", ""), ("class1/00.png", "exclude", "")]
    rows = by_id(run(source, config, corrections(tmp_path, decided)))
    assert {image_id: row["reason"] for image_id, row in rows.items() if row["reason"]} == {
        "class1/00.png": "excluded",
        "class1/01.png": "small_class",
        "class1/02.png": "small_class",
        "class1/same.png": "excluded",
    }


def test_what_a_person_excluded_does_not_count_as_quarantined(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=8)
    (source / "class0/empty.png").touch()
    decided = corrections(tmp_path, [(f"class0/0{number}.png", "exclude", "") for number in range(6)])
    manifest = run(source, corrections=decided)
    check_quarantined(manifest, with_values(INGEST, max_quarantined_fraction=0.1))
    with pytest.raises(SourceError, match=r"1 of 11 are \(1 empty\)"):
        check_quarantined(manifest, with_values(INGEST, max_quarantined_fraction=0.09))


def test_what_is_skipped_stays_so(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=2)
    (source / ".hidden").touch()
    row = by_id(run(source, corrections=corrections(tmp_path, [(".hidden", "exclude", "")])))[".hidden"]
    assert (row["status"], row["reason"], row["correction"]) == ("skipped", "skipped", "exclude")


def test_a_name_that_is_not_utf8_is_corrected_by_its_id(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=2)
    for number, name in enumerate([b"class0/\xff\n.png", b'class0/=1,"2".png']):
        (source / f"class0/0{number}.png").rename(os.fsdecode(os.fsencode(source) + b"/" + name))
    ids = run(source).filter(pl.col("label") == "class0")["id"].to_list()
    rows = by_id(run(source, corrections=corrections(tmp_path, [(image_id, "wrong_label", "class1") for image_id in ids])))
    assert {row["label"] for row in rows.values()} == {"class1"}


def test_files_that_are_gone_and_labels_of_no_path_are_named(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=3)
    decided = corrections(
        tmp_path,
        [
            ("class0/00.png", "wrong_label", "class1"),
            ("class0/01.png", "wrong_label", "clas1"),
            ("gone/b.png", "fine", ""),
            ("gone/a.png", "exclude", ""),
        ],
    )
    assert correction_warnings(run(source, corrections=decided), decided) == [
        "2 of 4 corrections are of no file in ingest.source: 'gone/a.png', 'gone/b.png'",
        "1 label is in ingest.corrections and in no path, of 1 image: 'clas1'. If this is no new class, correct it there",
    ]
    assert correction_warnings(run(source), decided.clear()) == []
