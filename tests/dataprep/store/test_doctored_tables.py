"""Tables that somebody doctored or a disk damaged: one line, and nothing that a table claims is believed before it is read."""

import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dataprep.core.artifacts import TableFormat, encode_table, write_table
from dataprep.core.column_constraints import first_mistake
from dataprep.core.errors import ArtifactError
from dataprep.source.remote_folder import is_below_source
from dataprep.store.manifest import MANIFEST, read_manifest, write_manifest
from dataprep.store.split_table import SPLIT, read_split

DIGEST = "0123456789abcdef" * 2
_NAMES = ["0/a.png", "0/b.png", "1/c.png", "1/d.png"]

MANIFEST_ROWS = pl.DataFrame(
    {
        "id": _NAMES,
        "path": [name.encode() for name in _NAMES],
        "label": ["0", "0", "1", "1"],
        "given_label": ["0", "0", "1", "1"],
        "bytes": [100, 100, 100, 100],
        "width": [8, 8, 8, None],
        "height": [8, 8, 8, None],
        "orientation": [1, 1, 1, None],
        "digest": [DIGEST, DIGEST, DIGEST, None],
        "file_digest": DIGEST,
        "noise": [0.0, 1.0, 2.0, None],
        "issues": [[], ["dark"], [], None],
        "status": ["ok", "ok", "ok", "quarantined"],
        "reason": [None, None, None, "undecodable"],
    },
    schema_overrides={name: MANIFEST.columns[name] for name in ("width", "height", "orientation")} | {"noise": pl.Float32()},
)
SPLIT_ROWS = pl.DataFrame({"id": _NAMES[:3], "split": ["train", "validation", "test"], "cluster": _NAMES[:3], "rule": "dealt"})


def full(rows: pl.DataFrame, form: TableFormat) -> pl.DataFrame:
    """With the columns that are not there yet, all null."""
    missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in form.columns.items() if name not in rows.columns]
    return rows.with_columns(missing)


def changed(rows: pl.DataFrame, column: str, values: list[object]) -> pl.DataFrame:
    return rows.with_columns(pl.Series(column, values, dtype=rows.schema[column], strict=False))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("id", ["0/a.png", "0/a.png", "1/c.png", "1/d.png"], "row 1: id must be above that of the row before; got '0/a.png'"),
        ("id", ["0/b.png", "0/a.png", "1/c.png", "1/d.png"], "row 1: id must be above that of the row before"),
        ("id", [None, "0/a.png", "1/c.png", "1/d.png"], "row 0: id must have a value; got None"),
        ("id", ["0/\x1b[2J", "0/a.png", "1/c.png", "1/d.png"], r"row 0: id must match .*; got '0/\\x1b\[2J'"),
        ("bytes", [1, -1, 1, 1], "row 1: bytes must be at least 0; got -1"),
        ("width", [0, 8, 8, None], "row 0: width must be at least 1; got 0"),
        ("orientation", [1, 9, 1, None], "row 1: orientation must be at most 8; got 9"),
        ("digest", [DIGEST.upper(), DIGEST, DIGEST, None], "row 0: digest must match"),
        ("digest", [None, DIGEST, DIGEST, None], "row 0: digest must be there where the status is ok; got None"),
        ("label", [None, "0", "1", None], "row 0: label must be there where the status is ok; got None"),
        (
            "status",
            ["ok", "fine", "ok", "quarantined"],
            "row 1: status must be one of 'ok', 'quarantined', 'skipped'; got 'fine'",
        ),
        ("reason", [None, None, None, "witchcraft"], "row 3: reason must be one of .* more; got 'witchcraft'"),
        ("reason", [None] * 4, "row 3: reason must be there where the status is not ok, and there alone; got None"),
        ("reason", ["dark", None, None, "undecodable"], "row 0: reason must be"),
        ("label", ["0", "1", "1", "1"], "row 1: label must be given_label where the correction is not wrong_label; got '1'"),
        (
            "correction",
            ["exclude", None, None, None],
            "row 0: correction must not be exclude where the status is ok; got 'excl",
        ),
        (
            "correction",
            ["bad", None, None, None],
            "row 0: correction must be one of 'wrong_label', 'exclude', 'fine'; got 'bad",
        ),
        (
            "given_split",
            ["dev", None, None, None],
            "row 0: given_split must be one of 'train', 'validation', 'test'; got 'dev'",
        ),
        ("issues", [["dark", None], [], [], None], r"row 0: issues must have no gaps"),
        ("noise", [float("nan"), 0.0, 0.0, None], "row 0: noise must be a finite number; got nan"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(column: str, values: list[object], message: str, tmp_path: Path) -> None:
    rows = full(MANIFEST_ROWS, MANIFEST)
    path = tmp_path / "manifest.parquet"
    write_manifest(path, rows)
    assert read_manifest(path).equals(rows)
    write_manifest(path, changed(rows, column, values))
    with pytest.raises(ArtifactError, match=message) as refused:
        read_manifest(path)
    assert str(refused.value).startswith(f"{path}, row ")
    assert str(refused.value).endswith(". Run: dvc repro ingest")
    assert "\n" not in str(refused.value)


def test_a_column_that_the_manifest_does_not_name_is_a_figure(tmp_path: Path) -> None:
    rows = full(MANIFEST_ROWS, MANIFEST).with_columns(border=pl.lit("wide"))
    write_manifest(tmp_path / "manifest.parquet", rows)
    with pytest.raises(ArtifactError, match=r"'border' must be Float32; it is String\. Run: dvc repro ingest"):
        read_manifest(tmp_path / "manifest.parquet")


LEADING_OUT = [
    b"../a.png",
    b"..",
    b".",
    b"",
    b"/etc/passwd",
    b"//a.png",
    b"0/../../a.png",
    b"0/..",
    b"0/./a.png",
    b"./a.png",
    b"0/a.png/",
    b"0/a\0.png",
    b"\xff/../\xff",
]


@given(st.text("/.a\0").map(str.encode))
@example(b"0//a.png")
def test_the_manifest_takes_the_paths_that_a_remote_folder_gives(path: bytes) -> None:
    row = pl.DataFrame({"path": [path]}, schema={"path": pl.Binary})
    fault = first_mistake(row, {}, MANIFEST.rules)
    assert (fault is None) == is_below_source(path), fault


@pytest.mark.parametrize("path", LEADING_OUT)
def test_a_row_whose_path_leads_out_of_the_source_is_refused(path: bytes, tmp_path: Path) -> None:
    rows = changed(full(MANIFEST_ROWS, MANIFEST), "path", [b"0/..a.png", path, b"1/.c", b"1/...\xff"])
    write_manifest(tmp_path / "manifest.parquet", rows)
    with pytest.raises(ArtifactError, match="row 1: path must lie below the source; got b"):
        read_manifest(tmp_path / "manifest.parquet", ["id", "path"])


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("id", ["b", "a", "c"], "row 1: id must be above"),
        (
            "split",
            ["train", "tset", "test"],
            "row 1: split must be one of 'train', 'validation', 'test', 'excluded'; got 'tset'",
        ),
        ("split", ["train", None, "test"], "row 1: split must have a value"),
        ("cluster", ["a", "", "c"], "row 1: cluster must match"),
        ("rule", ["dealt", "dealt", "dice"], "row 2: rule must be one of .*; got 'dice'"),
    ],
)
def test_a_split_that_cannot_be_is_refused(column: str, values: list[object], message: str, tmp_path: Path) -> None:
    path = tmp_path / "split.parquet"
    write_table(path, SPLIT_ROWS, SPLIT)
    assert read_split(path).equals(SPLIT_ROWS)
    write_table(path, changed(SPLIT_ROWS, column, values), SPLIT)
    with pytest.raises(ArtifactError, match=message + r".*Run: dvc repro split"):
        read_split(path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (SPLIT_ROWS.drop("rule"), "lacks the columns 'rule'"),
        (SPLIT_ROWS.with_columns(pl.col("split").cast(pl.Categorical)), "'split' must be String; it is Categorical"),
        (SPLIT_ROWS.with_columns(id=pl.int_range(3)), "'id' must be String; it is Int64"),
        (SPLIT_ROWS.with_columns(more=1), "'more' is no column of this table"),
        (pl.concat([SPLIT_ROWS.head(1)] * 200_000, rechunk=True), "must have rows that fit its .* bytes; it claims 200,000"),
    ],
)
def test_a_table_of_other_columns_or_too_many_rows_is_refused_unread(
    rows: pl.DataFrame, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "split.parquet"
    rows.write_parquet(path, row_group_size=rows.height, metadata=SPLIT.mark)
    monkeypatch.delattr(pl, "read_parquet")
    with pytest.raises(ArtifactError, match=message + r".*Run: dvc repro split"):
        read_split(path)


def test_a_table_that_is_cut_or_changed_at_any_place_is_one_line_or_read(tmp_path: Path) -> None:
    whole = bytes(encode_table(SPLIT_ROWS, SPLIT))
    path = tmp_path / "split.parquet"
    refused = []
    for place in range(0, len(whole), 7):
        for content in (whole[:place], whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]):
            path.write_bytes(content)
            try:
                read_split(path)
            except ArtifactError as error:
                refused.append(str(error))
    assert len(refused) > len(whole) / 7
    assert all("\n" not in line and line.endswith("Run: dvc repro split") for line in refused)


def test_a_pipe_in_the_place_of_a_table_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "split.parquet")
    with pytest.raises(ArtifactError, match=r"split\.parquet must be a file; it is a named pipe\. Remove it"):
        read_split(tmp_path / "split.parquet")
