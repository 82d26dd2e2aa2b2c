import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from dataprep import ingest
from dataprep.config import DecodeConfig, ExecuteConfig
from dataprep.errors import SourceError
from dataprep.ingest import build_manifest, examine, facts_frame, split_by_cache, write_cache
from dataprep.manifest import class_names, read_manifest, write_manifest
from dataprep.source import scan
from tests.conftest import random_image, striped, write_png

DECODE = DecodeConfig(max_pixels=1_000_000, background=255)
HERE = ExecuteConfig(workers=1)


def run(source: Path, pattern: str = "{label}/{name}", workers: int = 1) -> pl.DataFrame:
    found = scan(source)
    openable = found.filter(pl.col("reason").is_null())
    facts = [
        fact
        for chunk in examine(openable, source=source, config=DECODE, execute=ExecuteConfig(workers=workers))
        for fact in chunk
    ]
    return build_manifest(found, facts_frame(facts), pattern)


def by_id(manifest: pl.DataFrame) -> dict[str, dict[str, object]]:
    return {row["id"]: row for row in manifest.iter_rows(named=True)}


def test_every_file_stands_once_in_the_manifest(make_tree: Callable[..., Path]) -> None:
    source = make_tree(classes=3, images=8)
    manifest = run(source)
    assert manifest["id"].to_list() == sorted(str(path.relative_to(source)) for path in source.rglob("*.png"))
    assert manifest["status"].unique().to_list() == ["ok"]
    assert class_names(manifest) == ["class0", "class1", "class2"]


def test_what_is_no_image_is_quarantined_with_a_reason(make_tree: Callable[..., Path]) -> None:
    source = make_tree(classes=2, images=2)
    whole = (source / "class0/00.png").read_bytes()
    (source / "class0/cut.png").write_bytes(whole[: len(whole) // 2])
    (source / "class0/empty.jpg").touch()
    (source / "class0/text.png").write_text("hello")
    (source / "stray.png").write_bytes(whole)
    (source / "class1/link.png").symlink_to(source / "class0/00.png")
    (source / "class1/loop").symlink_to(source)
    os.mkfifo(source / "class1/pipe.png")
    (source / "class1/folder.png").mkdir()
    Image.new("L", (1001, 1000)).save(source / "class1/large.png")
    rows = by_id(run(source))
    assert {name: row["reason"] for name, row in rows.items() if row["status"] != "ok"} == {
        "class0/cut.png": "undecodable",
        "class0/empty.jpg": "empty",
        "class0/text.png": "not_an_image",
        "class1/large.png": "too_many_pixels",
        "class1/link.png": "link",
        "class1/loop": "link",
        "class1/pipe.png": "not_a_file",
        "stray.png": "pattern",
    }
    assert all(row["message"] for row in rows.values() if row["status"] != "ok")
    assert "class1/folder.png" not in rows


def test_a_name_that_is_not_utf8_is_listed_and_its_bytes_are_kept(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source = make_tree(classes=2, images=2)
    name = b"class0/\xff\xfe.png"
    (source / "class0/00.png").rename(os.fsdecode(os.fsencode(source) + b"/" + name))
    manifest = run(source)
    write_manifest(tmp_path / "manifest.parquet", manifest)
    row = read_manifest(tmp_path / "manifest.parquet").filter(pl.col("path") == name).row(0, named=True)
    assert row["status"] == "ok"
    assert row["id"].startswith(r"class0/\xff\xfe.png~")


def test_equal_pixels_have_equal_digests_in_any_file_format(tmp_path: Path) -> None:
    image = random_image(1)
    write_png(tmp_path / "raw/a/1.png", image)
    write_png(tmp_path / "raw/b/1.bmp", image)
    write_png(tmp_path / "raw/b/2.png", np.ascontiguousarray(image.reshape(6, 24, 1)))
    rows = by_id(run(tmp_path / "raw"))
    assert rows["a/1.png"]["digest"] == rows["b/1.bmp"]["digest"]
    assert rows["a/1.png"]["digest"] != rows["b/2.png"]["digest"]
    assert rows["a/1.png"]["file_digest"] != rows["b/1.bmp"]["file_digest"]


def test_gray_in_any_encoding_is_one_picture(tmp_path: Path) -> None:
    gray = Image.fromarray(random_image(1)[:, :, 0])
    for folder in "ab":
        (tmp_path / "raw" / folder).mkdir(parents=True)
    gray.save(tmp_path / "raw/a/gray.png")
    gray.convert("RGB").save(tmp_path / "raw/a/rgb.png")
    gray.convert("P").save(tmp_path / "raw/b/palette.png")
    gray.save(tmp_path / "raw/b/frame.gif")
    Image.fromarray(random_image(1, (12, 12, 3))).save(tmp_path / "raw/b/color.png")
    manifest = run(tmp_path / "raw")
    assert manifest["digest"].n_unique() == 2


def orientation_field(kind: int, value: bytes) -> bytes:
    """EXIF with one entry: the orientation, as a field of a type of our choosing."""
    entry = struct.pack("<HHI", 0x0112, kind, 1) + value.ljust(4, b"\0")
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(2, b"top"), (4, b"\xff\xff\xff\xff"), (3, b"\x00\x00"), (3, b"\x09\x00"), (7, b"\x06")],
    ids=["text", "4294967295", "0", "9", "undefined"],
)
def test_a_meaningless_orientation_is_none(tmp_path: Path, kind: int, value: bytes) -> None:
    for number, label in enumerate("ab"):
        write_png(tmp_path / f"raw/{label}/1.png", random_image(number))
    Image.fromarray(random_image(3)[:, :, 0]).save(tmp_path / "raw/a/odd.jpg", exif=orientation_field(kind, value))
    row = by_id(run(tmp_path / "raw"))["a/odd.jpg"]
    assert (row["status"], row["orientation"]) == ("ok", 1)


def test_what_cannot_be_shown_in_a_name_is_escaped(make_tree: Callable[..., Path]) -> None:
    source = make_tree(classes=2, images=2)
    (source / "class0/00.png").rename(source / "class0/\x1b[2J\n\u202egnp.png")
    ids = run(source)["id"].to_list()
    assert all(image_id.isprintable() for image_id in ids)
    assert ids[1].startswith(r"class0/\x1b[2J\n\u202egnp.png~")


def test_a_folder_that_cannot_be_listed_is_named(make_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_tree(classes=3, images=2)
    scandir = os.scandir

    def refuse(path: bytes) -> object:
        if path.endswith(b"class2"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    row = by_id(run(source))["class2"]
    assert (row["status"], row["reason"], row["message"]) == (
        "quarantined",
        "unreadable",
        "cannot be listed; check its permissions",
    )


def test_the_manifest_is_the_same_for_any_number_of_workers(
    make_tree: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_tree(classes=2, images=4)
    monkeypatch.setattr(ingest, "FILES_PER_TASK", 3)
    assert run(source, workers=1).equals(run(source, workers=2))


def test_one_added_file_opens_one_file(make_tree: Callable[..., Path], tmp_path: Path) -> None:
    source, cache = make_tree(classes=2, images=4), tmp_path / "scan.parquet"

    def examine_and_remember() -> tuple[list[bytes], pl.DataFrame]:
        found = scan(source)
        changed, unchanged = split_by_cache(found, cache, source=source, config=DECODE)
        facts = [fact for chunk in examine(changed, source=source, config=DECODE, execute=HERE) for fact in chunk]
        seen = pl.concat([unchanged, facts_frame(facts)])
        write_cache(cache, found, seen, source=source, config=DECODE)
        return changed["path"].to_list(), build_manifest(found, seen, "{label}/{name}")

    opened, first = examine_and_remember()
    assert len(opened) == 8
    opened, again = examine_and_remember()
    assert opened == []
    assert again.equals(first)
    write_png(source / "class0/new.png", random_image(5))
    assert examine_and_remember()[0] == [b"class0/new.png"]
    os.utime(source / "class1/00.png", ns=(1, 1))
    assert examine_and_remember()[0] == [b"class1/00.png"]
    other_pixels = write_png(tmp_path / "other.png", 255 - striped(0, 0)).read_bytes()
    old = (source / "class0/00.png").stat()
    (source / "class0/00.png").write_bytes(other_pixels[: old.st_size].ljust(old.st_size, b"\0"))
    os.utime(source / "class0/00.png", ns=(old.st_atime_ns, old.st_mtime_ns))  # as rsync -t leaves it
    assert examine_and_remember()[0] == [b"class0/00.png"]
    other = DECODE.model_copy(update={"background": 0})
    assert split_by_cache(scan(source), cache, source=source, config=other)[0].height == 9
    assert split_by_cache(scan(source), cache, source=tmp_path, config=DECODE)[0].height == 9
    cache.write_bytes(b"PAR1 torn")
    assert split_by_cache(scan(source), cache, source=source, config=DECODE)[0].height == 9


@pytest.mark.parametrize(
    ("make", "pattern", "words"),
    [
        (lambda root: None, "{label}/{name}", "does not exist"),
        (lambda root: root.mkdir(), "{label}/{name}", "is empty"),
        (lambda root: root.write_text(""), "{label}/{name}", "is a file"),
        (
            lambda root: write_png(root / "a/1.png", random_image(0)),
            "{group}/{label}/{name}",
            "matches none of 1, for example 'a/1.png'",
        ),
        (
            lambda root: write_png(root / "a/1.png", random_image(0)),
            "{label}/{name}",
            "2 classes apart; got one, 'a', for 1 images",
        ),
        (
            lambda root: ((root / "a").mkdir(parents=True), (root / "a/1.png").write_text("x")),
            "{label}/{name}",
            "1 not_an_image",
        ),
    ],
)
def test_a_source_that_cannot_be_used_is_explained_in_one_line(
    tmp_path: Path, make: Callable[[Path], object], pattern: str, words: str
) -> None:
    make(tmp_path / "raw")
    with pytest.raises(SourceError) as error:
        run(tmp_path / "raw", pattern)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
