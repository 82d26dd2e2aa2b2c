import io
import sys
from pathlib import Path

import pytest

from dataprep.core.errors import DarkroomError, ParamsError
from pipelines.prediction.input_files import find_images
from tests.conftest import random_image, write_png

SKIP = [".*", "Thumbs.db"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.png", "sub/b.png", "sub/.hidden.png", "[1].png"):
        write_png(tmp_path / "in" / name, random_image(1))
    (tmp_path / "in/link.png").symlink_to(tmp_path / "in/a.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*named: str) -> list[str]:
    return [file.name for file in find_images(named, SKIP)]


def test_files_folders_and_patterns_are_listed_in_the_order_in_which_they_are_named(folder: Path) -> None:
    assert names("in/sub", "in/a.png") == ["in/sub/b.png", "in/a.png"]
    assert names("in/*.png") == ["in/[1].png", "in/a.png", "in/link.png"]
    assert names("in/[1].png") == ["in/[1].png"]  # a file of that name comes before a pattern
    assert names("in/**/b.png") == ["in/sub/b.png"]
    assert names(str(folder / "in/a.png")) == [str(folder / "in/a.png")]


def test_a_link_is_followed_where_it_is_named_and_refused_in_a_folder(folder: Path) -> None:
    [named] = find_images(["in/link.png"], SKIP)
    assert named.refused is None
    assert (named.source, named.path) == (folder / "in", b"a.png")
    refused = [file for file in find_images(["in"], SKIP) if file.refused]
    assert [(file.name, file.refused.reason) for file in refused if file.refused] == [("in/link.png", "link")]


def test_a_list_comes_from_standard_input(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = b"in/a.png\n\nin/none.png\r\nin/sub\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    found = find_images(["-"], SKIP)
    assert [file.name for file in found] == ["in/a.png", "in/none.png", "in/sub/b.png"]
    assert [file.refused.reason if file.refused else None for file in found] == [None, "unreadable", None]


def test_a_url_is_a_file_by_its_ending_and_else_a_folder(folder: Path) -> None:
    assert names(f"file://{folder}/in/a.png?x=1") == [f"file://{folder}/in/a.png?x=1"]
    assert names(f"file://{folder}/in/sub") == [f"file://{folder}/in/sub/b.png"]
    with pytest.raises(ParamsError, match="must hold no password"):
        names("s3://me:secret@host/a.png")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("none.png", "it does not exist. Correct the path"),
        ("in/*.jpg", "must match files; it matches none"),
        ("empty", "cannot be listed as a folder of images"),
        ("file:///nowhere/at/all", "cannot be listed as a folder of images"),
    ],
)
def test_a_mistake_is_one_line(named: str, message: str, folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(DarkroomError, match=message):
        names(named)
