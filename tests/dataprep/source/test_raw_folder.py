import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dataprep.core.errors import ChangedError, ParamsError, SourceError
from dataprep.source.raw_folder import list_source, locate_source, read_file, scan
from tests.conftest import random_image, write_png


def reasons(source: Path, skip: tuple[str, ...] = ()) -> dict[bytes, str | None]:
    return dict(scan(source, skip).select("path", "reason").rows())


def test_entries_that_are_no_files_are_listed_and_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_png(tmp_path / "a/1.png", random_image(0))
    (tmp_path / "a/loop").symlink_to(tmp_path)
    (tmp_path / "a/dead.png").symlink_to("nowhere")
    (tmp_path / "a/x.png").mkdir()
    os.mkfifo(tmp_path / "a/pipe.png")
    monkeypatch.chdir(tmp_path)  # the name of a socket may have 107 bytes
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("a/socket.png")
        assert reasons(tmp_path) == {
            b"a/1.png": None,
            b"a/dead.png": "link",
            b"a/loop": "link_to_folder",
            b"a/pipe.png": "not_a_file",
            b"a/socket.png": "not_a_file",
        }


def test_names_to_skip_hold_for_files_and_for_all_that_is_below_a_folder(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/.x.png", ".git/a/2.png", "a/Thumbs.db", "a/b.tmp/c/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_png(tmp_path / "4.png", random_image(0)).rename(tmp_path / name)
    (tmp_path / ".git/link").symlink_to("a")
    assert reasons(tmp_path, (".*", "Thumbs.db", "*.tmp")) == {
        b".git/a/2.png": "skipped",
        b".git/link": "skipped",
        b"a/.x.png": "skipped",
        b"a/1.png": None,
        b"a/Thumbs.db": "skipped",
        b"a/b.tmp/c/3.png": "skipped",
    }
    assert set(reasons(tmp_path).values()) == {None, "link_to_folder"}


def test_folders_nested_deeper_than_python_s_stack_are_walked(tmp_path: Path) -> None:
    depth = 1500
    handle = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=handle)
        inner = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(os.open("x.png", os.O_CREAT | os.O_WRONLY, dir_fd=handle))
    os.close(handle)
    found = reasons(tmp_path)
    subprocess.run(["rm", "-r", str(tmp_path / "d")], check=True)  # shutil, which pytest cleans up with, recurses
    assert found == {b"d/" * depth + b"x.png": None}


def test_a_folder_that_cannot_be_listed_is_named(make_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_tree(classes=3, images=2)
    scandir = os.scandir

    def refuse(path: bytes) -> object:
        if path.endswith(b"class2"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert reasons(source)[b"class2"] == "unreadable_folder"


def test_a_source_that_cannot_be_listed_is_explained(make_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: bytes) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SourceError, match=r"raw' cannot be listed \(Permission denied\)\. Give this user the right to it$"):
        scan(make_tree(classes=1, images=1))


def test_a_link_says_whether_it_stands_for_a_folder(tmp_path: Path) -> None:
    write_png(tmp_path / "raw/a/1.png", random_image(0))
    for name, target in {
        "a/2.png": "1.png",
        "a/3.PNG": "nowhere",
        "a/chain": "../b",
        "b": "../outside",
        "c": "/mnt/not-mounted/c",
        "self.jpg": "self.jpg",
    }.items():
        (tmp_path / "raw" / name).symlink_to(target)
    (tmp_path / "outside").mkdir()
    assert reasons(tmp_path / "raw") == {
        b"a/1.png": None,
        b"a/2.png": "link",
        b"a/3.PNG": "link",
        b"a/chain": "link_to_folder",
        b"b": "link_to_folder",
        b"c": "link_to_folder",
        b"self.jpg": "link",
    }


def test_folders_without_files_are_listed_beside_the_files(tmp_path: Path) -> None:
    write_png(tmp_path / "a/x/1.png", random_image(0))
    (tmp_path / "a/y/z").mkdir(parents=True)
    (tmp_path / "b/.git/objects").mkdir(parents=True)
    (tmp_path / "b/.DS_Store").touch()
    listed = list_source(tmp_path, (".*",))
    assert listed.empty_folders == [b"a/y", b"a/y/z", b"b"]
    assert listed.files.equals(scan(tmp_path, (".*",)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: None, "does not exist"),
        (lambda root: root.mkdir(), "is empty"),
        (lambda root: root.write_text(""), "is a file"),
    ],
)
def test_a_source_that_is_no_folder_of_files_is_explained(tmp_path: Path, make: Callable[[Path], object], words: str) -> None:
    make(tmp_path / "raw")
    with pytest.raises(SourceError, match=f"params.yaml: ingest.source must .* {words}"):
        scan(tmp_path / "raw")


def test_times_beyond_64_bits_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_png(tmp_path / "a/1.png", random_image(0))
    os.utime(tmp_path / "a/1.png", ns=(0, 10**19))
    if (tmp_path / "a/1.png").stat().st_mtime_ns < 2**63:
        pytest.skip("this file system keeps no times beyond the year 2262")
    assert scan(tmp_path)["modified_ns"].to_list() == [2**63 - 1]


def test_a_folder_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "raw/a/1.png", tmp_path / "outside/1.png"
    size = write_png(inside, random_image(0)).stat().st_size
    write_png(outside, random_image(0))
    assert len(read_file(tmp_path / "raw", b"a/1.png", size)) == size
    inside.unlink()
    inside.parent.rmdir()
    inside.parent.symlink_to(outside.parent)
    with pytest.raises(ChangedError, match="became a link"):
        read_file(tmp_path / "raw", b"a/1.png", size)


def test_a_home_that_does_not_exist_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"ingest\.source '~nobody-of-this-name/x'"):
        locate_source("~nobody-of-this-name/x", tmp_path)


def test_a_dangling_link_whose_name_has_an_ending_is_no_folder(tmp_path: Path) -> None:
    for name in ("labels.csv", "notes.md", "7.png", "cats"):
        (tmp_path / name).symlink_to(tmp_path / "nowhere" / name)
    assert reasons(tmp_path) == {b"labels.csv": "link", b"notes.md": "link", b"7.png": "link", b"cats": "link_to_folder"}
