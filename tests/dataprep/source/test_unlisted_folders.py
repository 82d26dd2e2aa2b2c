import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from dataprep.core.errors import SourceError
from dataprep.source import unlisted_folders
from dataprep.source.raw_folder import list_source, scan
from dataprep.source.unlisted_folders import check_folders, folder_warnings
from tests.conftest import random_image, write_png


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Makes a folder one that may not be listed; the right to it would not stop root, who may run these tests."""
    scandir, names = os.scandir, set[bytes]()

    def refuse(path: bytes) -> object:
        if path.rpartition(b"/")[2] in names:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    return names.add


def test_a_class_that_cannot_be_listed_stops_ingest(make_tree: Callable[..., Path], locked: Callable[[bytes], None]) -> None:
    source = make_tree(classes=3, images=2)
    locked(b"class2")
    with pytest.raises(SourceError) as error:
        check_folders(scan(source), "{label}/{name}")
    assert str(error.value) == (
        "ingest.source must be known as a whole, since a class may be missing without a word; of 1 folder it is not known what "
        "they hold: 'class2' (class 'class2') cannot be listed. To mend it, give this user the right to list it; or list the "
        "name in ingest.skip, to leave it out"
    )
    check_folders(scan(source, ("class2",)), "{label}/{name}")


def test_a_class_behind_a_link_stops_ingest(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=2)
    write_png(tmp_path / "elsewhere/1.png", random_image(1))
    (source / "owl").symlink_to(tmp_path / "elsewhere")
    (source / "away").symlink_to("/mnt/not-mounted")
    (source / "class0/link.png").symlink_to("00.png")
    with pytest.raises(SourceError, match=r"of 2 folders .*'away' \(class 'away'\) is a link.*'owl' \(class 'owl'\) is a link"):
        check_folders(scan(source), "{label}/{name}")
    check_folders(scan(source, ("owl", "away")), "{label}/{name}")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("{group}/{label}/{name}", "'w1/0' (class '0') cannot be listed; 'w2' (classes '0', '1') is a link"),
        (
            r"regex:(?P<group>w\d)/(?P<label>\d)/.*\.png",
            "'w1/0' (class '0') cannot be listed; 'w2' (classes '0', '1') is a link",
        ),
        ("{label}/*/{name}", "'w1/0' (class 'w1') cannot be listed; 'w2' (class 'w2') is a link"),
        ("{label}_{name}", "'w1/0' cannot be listed; 'w2' is a link"),
    ],
)
def test_the_pattern_says_which_class_a_folder_would_be(
    tmp_path: Path, locked: Callable[[bytes], None], pattern: str, words: str
) -> None:
    for name in ("w0/0/1.png", "w0/1/1.png", "w1/1/1.png"):
        write_png(tmp_path / "raw" / name, random_image(0))
    (tmp_path / "raw/w1/0").mkdir()
    (tmp_path / "raw/w2").symlink_to(tmp_path)
    found = scan(tmp_path / "raw")
    assert found.height == 4
    locked(b"0")
    with pytest.raises(SourceError) as error:
        check_folders(scan(tmp_path / "raw", ("w0",)).vstack(found.filter(found["path"].bin.starts_with(b"w0"))), pattern)
    assert words in str(error.value)


def test_a_class_whose_folders_are_empty_is_named(tmp_path: Path) -> None:
    for name in ("w0/0/1.png", "w0/1/1.png", "w1/1/1.png"):
        write_png(tmp_path / name, random_image(0))
    for name in ("w1/0", "w1/7"):
        (tmp_path / name).mkdir()
    (tmp_path / "w1/7/.DS_Store").touch()
    listed = list_source(tmp_path, (".*",))
    warnings = folder_warnings(listed.files, listed.empty_folders, "{group}/{label}/{name}", {"0", "1"})
    assert warnings == ["there are empty folders of 1 class: '7'"]


def test_thousands_of_empty_folders_do_not_split_all_paths_again_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    num_read = 0

    class Counted(str):
        __slots__ = ()

        def split(self, *arguments: object) -> list[str]:
            nonlocal num_read
            num_read += 1
            return str.split(self, *arguments)  # type: ignore[arg-type]

    paths = [Counted(f"c{n}/1.png") for n in range(10)]
    monkeypatch.setattr(unlisted_folders, "_some_files", lambda _found: paths)
    empty = [f"e{n}".encode() for n in range(100)]
    assert len(unlisted_folders.empty_classes(pl.DataFrame(), empty, "{label}/{name}", [])) == 100
    assert num_read == 10
