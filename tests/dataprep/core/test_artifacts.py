import os
import warnings
from pathlib import Path
from typing import ClassVar, Literal

import fsspec
import polars as pl
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from upath import UPath

from dataprep.core.artifacts import (
    Document,
    Place,
    TableFormat,
    locate,
    read_bytes,
    read_document,
    read_table,
    remove_stale,
    remove_strays,
    write_bytes,
    write_document,
    write_files,
    write_table,
    write_text,
)
from dataprep.core.errors import ArtifactError

FORM = TableFormat(kind="things", version=2, columns={"id": pl.String(), "count": pl.Int64()}, stage="split")
FRAME = pl.DataFrame({"id": ["a", "b"], "count": [1, 2]})


class Note(Document):
    format_version: Literal[1] = 1
    text: str


def test_a_table_reads_back_and_is_the_same_bytes_twice(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_table(tmp_path / name, FRAME, FORM)
    assert read_table(tmp_path / "first", FORM).equals(FRAME)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (
            TableFormat("things", 3, FORM.columns, "split"),
            "expected the format 'things 3'; got 'things 2'. Run: dvc repro split",
        ),
        (TableFormat("others", 2, FORM.columns, "split"), "expected the format 'others 2'; got 'things 2'"),
        (TableFormat("things", 2, {"weight": pl.Float64()}, "split"), "lacks the columns 'weight'"),
    ],
)
def test_a_table_of_another_format_is_refused(tmp_path: Path, form: TableFormat, words: str) -> None:
    write_table(tmp_path / "table", FRAME, FORM)
    with pytest.raises(ArtifactError, match=words):
        read_table(tmp_path / "table", form)


def test_missing_and_damaged_files_name_the_command_that_rebuilds_them(tmp_path: Path) -> None:
    (tmp_path / "damaged").write_bytes(b"PAR1 not really")
    with pytest.raises(ArtifactError, match=r"missing\. Run: dvc repro split"):
        read_table(tmp_path / "absent", FORM)
    with pytest.raises(ArtifactError, match=r"cannot be read as Parquet .* Run: dvc repro split"):
        read_table(tmp_path / "damaged", FORM)
    with pytest.raises(ArtifactError, match=r"missing\. Run: dvc repro split"):
        read_document(tmp_path / "absent", Note, stage="split")


def test_a_document_of_another_version_is_refused(tmp_path: Path) -> None:
    write_document(tmp_path / "note.json", Note(text="é"))
    assert read_document(tmp_path / "note.json", Note, stage="split") == Note(text="é")
    (tmp_path / "note.json").write_text('{"format_version": 2, "text": "new"}')
    with pytest.raises(ArtifactError, match=r"note.json is not a Note .*format_version.* Run: dvc repro split"):
        read_document(tmp_path / "note.json", Note, stage="split")


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes(tmp_path / "file", [b"o", b"ld"])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_bytes(tmp_path / "file", [b"new"])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_of_several_files_all_are_written_or_none(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", [b"old"])
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError) as error:
        write_files({tmp_path / "a": b"new", tmp_path / "file/b": b"new"})
    assert error.value.filename == str(tmp_path / "file/b")
    assert (tmp_path / "a").read_bytes() == b"old"
    write_files({tmp_path / "a": b"new", tmp_path / "c/b": b"new"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "c/b").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c", "file"]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flush = os.fsync

    def write_in_between(handle: int) -> None:
        monkeypatch.setattr("os.fsync", flush)
        write_bytes(tmp_path / "file", [b"second"])
        flush(handle)

    monkeypatch.setattr("os.fsync", write_in_between)
    write_bytes(tmp_path / "file", [b"first"])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"first"


class Renaming(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A file system elsewhere that shows a file while it is written, as sftp does."""

    protocol = "renaming"
    store: ClassVar[dict[str, object]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        stripped: str = super()._strip_protocol(path.removeprefix("renaming://"))
        return stripped


@pytest.fixture(params=["memory", "renaming", "file", "local"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty folder on each kind of file system."""
    fsspec.register_implementation("renaming", Renaming, clobber=True)
    if request.param in ("memory", "renaming"):
        with warnings.catch_warnings(action="ignore"):  # universal_pathlib warns of kinds that it has no tests for
            folder = UPath(f"{request.param}://artifacts/{tmp_path.name}")
        if folder.fs.exists(folder.path):
            folder.fs.rm(folder.path, recursive=True)
        return folder
    return locate(f"file://{tmp_path}" if request.param == "file" else str(tmp_path))


def names(folder: Place) -> list[str]:
    paths = map(str, folder.iterdir()) if isinstance(folder, Path) else folder.fs.ls(folder.path, detail=False)
    return sorted(path.rsplit("/", 1)[-1] for path in paths)


def test_files_read_back_from_any_place_and_stale_ones_are_removed(place: Place, tmp_path: Path) -> None:
    write_table(tmp_path / "here", FRAME, FORM)
    write_table(place / "deep/table", FRAME, FORM)
    assert read_bytes(place / "deep/table") == (tmp_path / "here").read_bytes()
    assert read_table(place / "deep/table", FORM).equals(FRAME)
    write_document(place / "deep/note.json", Note(text="old"))
    write_document(place / "deep/note.json", Note(text="é"))
    assert read_document(place / "deep/note.json", Note, stage="split") == Note(text="é")
    assert names(place / "deep") == ["note.json", "table"]
    remove_stale(place / "deep", keep={"note.json"})
    assert names(place / "deep") == ["note.json"]
    for read in (lambda: read_table(place / "absent", FORM), lambda: read_document(place / "absent", Note, stage="split")):
        with pytest.raises(ArtifactError, match=r"absent is missing\. Run: dvc repro split"):
            read()


@pytest.mark.parametrize("place", ["memory", "renaming"], indirect=True)
def test_a_failed_write_elsewhere_is_one_line_and_leaves_the_old_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bytes(place / "file", [b"old"])

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("503:\nslow down")

    assert isinstance(place, UPath)
    monkeypatch.setattr(type(place.fs), "pipe_file" if "memory" in str(place) else "mv", refuse)
    with pytest.raises(ArtifactError, match=r"file cannot be read or written \(RuntimeError: 503: slow down\)"):
        write_bytes(place / "file", [b"new"])
    monkeypatch.undo()
    assert names(place) == ["file"]
    assert read_bytes(place / "file") == b"old"


@pytest.mark.parametrize("place", ["renaming", "file", "local"], indirect=True)
def test_what_a_killed_writer_left_is_removed_from_any_place_and_nothing_else(place: Place) -> None:
    for name in ("out/.a.h5.12ab.tmp", "out/a.tmp", "out/.hidden", ".out.12ab.tmp", ".other.12ab.tmp"):
        write_text(place / name, "")
    remove_strays(place / "out")
    assert names(place) == [".other.12ab.tmp", "out"]
    assert names(place / "out") == [".hidden", "a.tmp"]


def test_a_place_that_fsspec_does_not_know_is_one_line() -> None:
    with pytest.raises(ArtifactError, match=r"^dvc\.yaml: 'darkroomtest://a' must be a path or a URL that fsspec can open; "):
        locate("darkroomtest://a")


def test_leftovers_are_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in ("keep", "old", ".half.tmp"):
        (tmp_path / name).touch()
    remove_stale(tmp_path, keep={"keep"})
    assert [path.name for path in tmp_path.iterdir()] == ["keep"]
